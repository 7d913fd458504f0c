-- parse_cron_value: the number that a number or a name of a field means.
-- Called by: parse_cron_item.
-- Returns: p_low..p_high; weekday 7 stays 7 (a range like 5-7 needs it).
-- Raises: KR001 with a hint.
create or replace function kronos.parse_cron_value(
    p_value text, p_field text, p_low integer, p_high integer, p_names text[]
) returns integer
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_number integer;
begin
    if p_value ~ '^[0-9]' then
        v_number := p_value::integer;
        if v_number between p_low and p_high then
            return v_number;
        end if;
        raise sqlstate 'KR001' using
            message = format('cron field %s: "%s" is not between %s and %s', p_field, p_value, p_low, p_high),
            hint = case
                when p_field = 'minute' and v_number = 60 then 'write 0 for the full hour'
                when p_field = 'hour' and v_number = 24 then 'write 0 for midnight'
                else format('write a number from %s to %s', p_low, p_high)
            end;
    end if;
    v_number := array_position(p_names, p_value);
    if v_number is not null then
        return v_number - 1 + p_low;
    end if;
    raise sqlstate 'KR001' using
        message = format('cron field %s: "%s" is not a name', p_field, p_value),
        hint = case cardinality(p_names)
            when 0 then format('names stand for months and weekdays only: write a number from %s to %s', p_low, p_high)
            else format('write one of %s, or a number from %s to %s', array_to_string(p_names, ' '), p_low, p_high)
        end;
end
$$;
