-- alarm_calendar: the alarm of a calendar interval. It is the alarm of the cron text that names the
-- interval's time of day on every day that it can fall on: the anchor's weekday for whole weeks, every day
-- for other day counts, the possible dates for months.
-- Returns: five fields.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.alarm_calendar(p_schedule kronos.schedule) returns text
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_anchor constant timestamp := p_schedule.anchor_local;
    v_named  kronos.schedule := p_schedule;
    v_fields text[];
begin
    v_named.anchor_local := null;
    v_named.every_days := null;
    v_named.every_months := null;
    v_named.minutes := 1::bigint << date_part('minute', v_anchor)::integer;
    v_named.hours := 1 << date_part('hour', v_anchor)::integer;
    v_named.days := 4294967294;
    v_named.months := 8190;
    v_named.weekdays := case when p_schedule.every_days % 7 = 0 then 1 << date_part('dow', v_anchor)::integer
                             else 127 end;
    v_named.both_days := true;
    v_named.nearest_days := 0;
    v_named.nth_weekdays := 0;
    v_named.last_weekdays := 0;
    if p_schedule.every_months is not null then
        select dates.months, dates.days into v_named.months, v_named.days
          from kronos.calendar_dates(p_schedule.every_months, v_anchor) as dates;
    end if;
    v_fields := array[
        kronos.cron_list(v_named.minutes, 0, 59), kronos.cron_list(v_named.hours, 0, 23),
        kronos.cron_list(v_named.days, 1, 31), kronos.cron_list(v_named.months, 1, 12),
        kronos.cron_list(v_named.weekdays, 0, 6)
    ];
    if not kronos.is_utc_zone(p_schedule.timezone) then
        v_fields := kronos.alarm_shifted(v_fields, v_named);
    end if;
    return array_to_string(v_fields, ' ');
end
$$;
