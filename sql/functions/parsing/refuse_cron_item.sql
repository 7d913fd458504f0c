-- refuse_cron_item: raises the reason why an item in the n-th field is rejected.
-- Raises: KR001, always; the message names the field and the value, the hint says what to write instead.
create or replace function kronos.refuse_cron_item(p_item text, p_n integer) returns void
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec   constant record := kronos.cron_field(p_n);
    v_item   constant text   := lower(p_item collate "C");
    v_parts  constant text[] := kronos.cron_item_parts(p_item);
    v_of_day constant text[] := regexp_match(v_item, case p_n
        when 3 then '^([0-9]{1,2})w$'
        when 5 then '^([a-z]{3}|[0-9]{1,2})(?:#([0-9]{1,2})|l)$'
    end);
    v_before constant text[] := case p_n when 3 then regexp_match(v_item, '^l-([0-9]{1,2})w?$') end;
    v_value  text;
begin
    foreach v_value in array array_remove(array[v_parts[1], v_parts[2], v_parts[4], v_of_day[1]], null) loop
        if kronos.parse_cron_value(v_value, v_spec.low, v_spec.high, v_spec.names) is null then
            perform kronos.refuse_cron_value(v_value, p_n);
        end if;
    end loop;
    if v_parts is not null then
        raise sqlstate 'KR001' using
            message = format('cron field %s: step "%s" of "%s" is not between 1 and %s',
                             v_spec.field, v_parts[3]::integer, p_item, v_spec.high),
            hint = kronos.cron_step_hint(v_parts, p_n);
    elsif v_of_day[2] is not null then
        raise sqlstate 'KR001' using
            message = format('cron field weekday: "%s" of "%s" is not between 1 and 5', v_of_day[2], p_item),
            hint = format('A month has each weekday four or five times: write %1$s#1 to %1$s#5, or write '
                          '%1$sL for the last.', v_of_day[1]);
    elsif v_before is not null then
        raise sqlstate 'KR001' using
            message = format('cron field day of month: "%s" of "%s" is not between 1 and 30',
                             v_before[1], p_item),
            hint = 'A month has at most 30 days before its last: write L-1 to L-30, or write L for the last '
                   'itself.';
    end if;
    raise sqlstate 'KR001' using
        message = format('cron field %s: "%s" is not understood', v_spec.field, p_item),
        hint = kronos.cron_hint(p_item, p_n);
end
$$;
