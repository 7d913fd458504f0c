-- refuse_cron_value: why a number or a name is none of a field's.
-- Called by: refuse_cron_item.
-- Raises: KR001, always, with a hint.
create or replace function kronos.refuse_cron_value(p_value text, p_field text, p_low integer, p_high integer, p_names text[]) returns void
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if p_value ~ '^[0-9]' then
        raise sqlstate 'KR001' using
            message = format('cron field %s: "%s" is not between %s and %s', p_field, p_value, p_low, p_high),
            hint = case
                when p_field = 'minute' and p_value = '60' then 'write 0 for the full hour'
                when p_field = 'hour' and p_value = '24' then 'write 0 for midnight'
                else format('write a number from %s to %s', p_low, p_high)
            end;
    end if;
    raise sqlstate 'KR001' using
        message = format('cron field %s: "%s" is not a name', p_field, p_value),
        hint = case cardinality(p_names)
            when 0 then format('names stand for months and weekdays only: write a number from %s to %s', p_low, p_high)
            else format('write one of %s, or a number from %s to %s', array_to_string(p_names, ' '), p_low, p_high)
        end;
end
$$;
