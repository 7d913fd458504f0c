-- parse_cron_field: the bits of the comma-separated list in a cron text's n-th field.
-- Returns: p_plain, the bits of parse_cron_item, and p_special, the bits of parse_day_item for items that
-- only a day field can have. Nulls if an item is rejected and p_raises is false.
-- Raises: KR001 with a hint, if p_raises.
create or replace function kronos.parse_cron_field(p_text text, p_n integer, p_raises boolean,
                                                   out p_plain bigint, out p_special bigint)
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec constant record := kronos.cron_field(p_n);
    v_item  text;
    v_plain bigint;
    v_day   bigint;
begin
    p_plain := 0;
    p_special := 0;
    foreach v_item in array string_to_array(p_text, ',') loop
        v_plain := kronos.parse_cron_item(v_item, v_spec.field, v_spec.low, v_spec.high, v_spec.names);
        v_day := null;
        if v_plain is null and p_n in (3, 5) then
            v_day := kronos.parse_day_item(v_item, v_spec.field, v_spec.low, v_spec.high, v_spec.names);
        end if;
        if v_plain is null and v_day is null and p_raises then
            perform kronos.refuse_cron_item(v_item, p_n);
        end if;
        p_plain := p_plain | coalesce(v_plain, v_day & 0);
        p_special := p_special | coalesce(v_day, v_plain & 0);
    end loop;
end
$$;
