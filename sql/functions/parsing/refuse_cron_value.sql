-- refuse_cron_value: raises the reason why a number or name is not a value of the n-th field.
-- Raises: KR001, always, with a hint.
create or replace function kronos.refuse_cron_value(p_value text, p_n integer) returns void
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec constant record := kronos.cron_field(p_n);
begin
    if p_value ~ '^[0-9]' then
        raise sqlstate 'KR001' using
            message = format('cron field %s: "%s" is not between %s and %s',
                             v_spec.field, p_value, v_spec.low, v_spec.high),
            hint = case
                when p_n = 1 and p_value = '60' then 'Write 0 for the start of the hour.'
                when p_n = 2 and p_value = '24' then 'Write 0 for midnight.'
                else format('Write a number from %s to %s.', v_spec.low, v_spec.high)
            end;
    end if;
    raise sqlstate 'KR001' using
        message = format('cron field %s: "%s" is not a name', v_spec.field, p_value),
        hint = case cardinality(v_spec.names)
            when 0 then format('Only months and weekdays have names: write a number from %s to %s.',
                               v_spec.low, v_spec.high)
            else format('Write one of %s, or a number from %s to %s.',
                        array_to_string(v_spec.names, ' '), v_spec.low, v_spec.high)
        end;
end
$$;
