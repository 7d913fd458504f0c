-- alarm_rings: how many times per day an alarm rings, averaged over the years.
-- Returns: 0 for an alarm that cannot be read.
create or replace function kronos.alarm_rings(p_alarm text) returns double precision
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_read kronos.schedule;
    v_days double precision;
    v_week double precision;
begin
    if p_alarm ~ '^[0-5]?[0-9] ([01]?[0-9]|2[0-3]) \* \* \*$' then      -- parse_cron takes 0.1 ms
        return 1;
    elsif p_alarm ~ '^[0-9]+ seconds$' then
        return 86400.0 / split_part(p_alarm, ' ', 1)::integer;
    end if;
    v_read := kronos.parse_cron(p_alarm);
    v_days := least(bit_count((v_read.days & 4294967294)::bit(64)) / 30.44, 1);
    v_week := bit_count((v_read.weekdays & 127)::bit(32)) / 7.0;
    return bit_count(v_read.minutes::bit(64)) * bit_count(v_read.hours::bit(32))
           * bit_count((v_read.months & 8190)::bit(32)) / 12.0
           * case when v_read.both_days then v_days * v_week else 1 - (1 - v_days) * (1 - v_week) end;
exception when data_exception or sqlstate 'KR001' then
    return 0;
end
$$;
