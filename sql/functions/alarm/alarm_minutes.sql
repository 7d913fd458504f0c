-- alarm_minutes: the minutes of the hour at which an alarm can ring.
-- Returns: bits 0-59; null for an alarm that rings more often than every minute, or that cannot be read.
create or replace function kronos.alarm_minutes(p_alarm text) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_minute constant text := split_part(p_alarm, ' ', 1);
begin
    if p_alarm !~ '^\S+ \S+ \S+ \S+ \S+$' then
        return null;
    elsif v_minute ~ '^[0-5]?[0-9]$' then
        return 1::bigint << v_minute::integer;
    elsif v_minute = '*' then
        return 1152921504606846975;
    end if;
    return (kronos.parse_cron(p_alarm)).minutes;
exception when data_exception or sqlstate 'KR001' then      -- edited by hand: never folded
    return null;
end
$$;
