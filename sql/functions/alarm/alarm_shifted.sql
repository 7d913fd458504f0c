-- alarm_shifted: the five fields of a schedule in a time zone, converted to UTC. A field that the shift does
-- not change stays as the user wrote it. p_fields is what alarm_fields returned for the user's text.
-- Returns: the simplest product of minutes, hours and days that includes each tick; if the zone's offsets
-- differ, it includes some additional instants.
create or replace function kronos.alarm_shifted(p_fields text[], p_schedule kronos.schedule) returns text[]
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_times record;
    v_days  record;
    v_texts text[];
begin
    select * into v_times from kronos.alarm_times(p_schedule, kronos.zone_shifts(p_schedule.timezone));
    v_texts := array[
        case when v_times.minutes = p_schedule.minutes then p_fields[1]
             else kronos.cron_list(v_times.minutes, 0, 59) end,
        case when v_times.hours = p_schedule.hours then p_fields[2]
             else kronos.cron_list(v_times.hours, 0, 23) end
    ];
    if v_times.day_shifts = '{0}' then
        return v_texts || p_fields[3:5];
    end if;
    select * into v_days from kronos.alarm_days(p_schedule, v_times.day_shifts);
    return v_texts || kronos.alarm_day_fields(v_days.days, v_days.months, v_days.weekdays,
                                              p_schedule.both_days);
end
$$;
