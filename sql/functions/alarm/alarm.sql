-- alarm: the pg_cron schedule that rings at least in the minute of each tick; rings in between find nothing
-- due. p_cron is the text that p_schedule was read from; null for intervals of either kind.
-- Returns: five fields separated by single blanks, or "30 seconds". The fields are the user's own text if the
-- zone is UTC; otherwise they are shifted by each offset from UTC that the zone has within the next two
-- years. If pg_cron does not read its entries in UTC: every minute, the widest superset.
-- Raises: KR001, as cron_fields does. An invalid schedule gives null, or an error from PostgreSQL.
create or replace function kronos.alarm(p_cron text, p_schedule kronos.schedule) returns text
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields text[];
begin
    if p_schedule.every_seconds < 60 then
        return p_schedule.every_seconds || ' seconds';
    elsif not kronos.is_utc_zone(kronos.cron_timezone()) then
        return '* * * * *';
    elsif p_schedule.every_seconds is not null then
        return kronos.alarm_interval(p_schedule.every_seconds, p_schedule.anchor);
    elsif p_schedule.anchor_local is not null then
        return kronos.alarm_calendar(p_schedule);
    end if;
    v_fields := kronos.alarm_fields(p_cron);
    if not kronos.is_utc_zone(p_schedule.timezone) then
        v_fields := kronos.alarm_shifted(v_fields, p_schedule);
    end if;
    return v_fields[1] || ' ' || v_fields[2] || ' ' || v_fields[3] || ' ' || v_fields[4]
           || ' ' || v_fields[5];
end
$$;
