-- parse_day_field: the bits of the comma-separated list of one of the two day fields.
-- Called by: parse_cron.
-- Returns: p_plain, what parse_cron_item says of its items, and p_special, what parse_day_item says of those that depend on the month.
-- Raises: KR001 with a hint.
create or replace function kronos.parse_day_field(
    p_text text, p_field text, p_low integer, p_high integer, p_names text[], out p_plain bigint, out p_special bigint
)
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_item text;
    v_bits bigint;
begin
    p_plain := 0;
    p_special := 0;
    foreach v_item in array string_to_array(p_text, ',') loop
        v_bits := kronos.parse_day_item(v_item, p_field, p_low, p_high, p_names);
        if v_bits is null then
            p_plain := p_plain | kronos.parse_cron_item(v_item, p_field, p_low, p_high, p_names);
        else
            p_special := p_special | v_bits;
        end if;
    end loop;
end
$$;
