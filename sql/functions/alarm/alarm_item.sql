-- alarm_item: one item of a field's list in pg_cron's syntax. It stays as it was written unless pg_cron lacks
-- the syntax or misreads it. p_n is the field's number.
-- Returns: a text that names at least the same days or times, and does not begin with * unless p_item does.
create or replace function kronos.alarm_item(p_item text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec constant record := kronos.cron_field(p_n);
    v_parts text[];
    v_bits  bigint;
begin
    if p_n = 3 and p_item ~* '[$LW]' then
        return kronos.alarm_day_item(p_item);
    elsif p_n = 5 and p_item ~* '(#[0-9]+|L)$' then
        return regexp_replace(p_item, '(#[0-9]+|L)$', '', 'i');
    end if;
    v_parts := kronos.cron_item_parts(p_item);
    if kronos.parse_cron_value(v_parts[1], v_spec.low, v_spec.high, v_spec.names)
       > kronos.parse_cron_value(v_parts[2], v_spec.low, v_spec.high, v_spec.names) then
        v_bits := kronos.parse_cron_item(p_item, v_spec.field, v_spec.low, v_spec.high, v_spec.names);
        if p_n = 5 then
            return kronos.cron_list((v_bits | (v_bits >> 7)) & 127, 0, 6, false);
        end if;
        return kronos.cron_list(v_bits, v_spec.low, v_spec.high, false);
    end if;
    return p_item;
end
$$;
