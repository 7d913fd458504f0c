-- next_tick: the first nominal tick of a schedule that is strictly later than p_after.
-- The one interpreter of schedules.
-- Returns: null when there is none within 41 years, and outside the years 1 to 9999.
--
-- A sql body bound at creation: PostgreSQL inlines it, and neither TimeZone nor search_path is consulted
-- here. Cost per call, from plpgsql, tick after tick from 2026 on, the empty loop subtracted (PostgreSQL 15,
-- 2 cores, bench/next_tick.py; in UTC, in Europe/Berlin): * * * * * 3.3 and 6.2 us; */5 9-17 * * 1-5 3.3,
-- 6.8; 30 2 * * * 3.6, 7.1; 0 9 * * 1 3.7, 8.3; 0 0 1 1 * 4.4, 9.3; 0 0 29 2 * 6.3, 10.6; 0 9 15W,LW * 5#2
-- 10.5, 13.8. Across a change of clocks 16 to 36. Forty years without a tick (0 0 31 2 *) 30. Every 90
-- minutes 0.2; every two weeks or every month on a wall clock 3.9, 8.6, however far the anchor; SHIFT_BY_GAP
-- adds 2.5. Of each, but the first kind of interval, 1.4 us is next_local_tick's `set search_path`.
create or replace function kronos.next_tick(p_schedule kronos.schedule, p_after timestamptz)
returns timestamptz
language sql immutable parallel safe
return case
    when p_schedule.every_seconds is not null
        then kronos.next_interval_tick(p_schedule.every_seconds, p_schedule.anchor, p_after)
    when p_schedule.timezone = 'UTC' or kronos.is_utc_zone(p_schedule.timezone)
        then kronos.next_local_tick(p_schedule, p_after at time zone 'UTC') at time zone 'UTC'
    else kronos.next_civil_tick(p_schedule, p_after)
end;
