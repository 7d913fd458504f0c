-- next_tick: the first nominal tick of a schedule that is strictly later than p_after.
-- Called by: whatever needs a tick; it is the one interpreter of schedules.
-- Returns: null when there is none within 41 years, and outside the years 1 to 9999.
create or replace function kronos.next_tick(p_schedule kronos.schedule, p_after timestamptz) returns timestamptz
language sql immutable parallel safe
return case
    when p_schedule.every_seconds is not null
        then kronos.next_interval_tick(p_schedule.every_seconds, p_schedule.anchor, p_after)
    when p_schedule.timezone = 'UTC' or kronos.is_utc_zone(p_schedule.timezone)
        then kronos.next_local_tick(p_schedule, p_after at time zone 'UTC') at time zone 'UTC'
    else kronos.next_civil_tick(p_schedule, p_after)
end;
