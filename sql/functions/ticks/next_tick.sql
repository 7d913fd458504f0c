-- next_tick: the first nominal tick of a schedule that is strictly later than p_after. Only this function
-- interprets schedules.
-- Returns: null if there is none within 41 years, and outside the years 1 to 9999.
--
-- A sql body that is bound at creation: PostgreSQL inlines it, and neither TimeZone nor search_path is
-- consulted here. Cost per call in microseconds, from plpgsql, tick after tick from 2026 on, the empty loop
-- subtracted (PostgreSQL 15, 2 cores, bench/next_tick.py):
--
--                                               UTC   Europe/Berlin
--   * * * * *                                   3.3             6.2
--   */5 9-17 * * 1-5                            3.3             6.8
--   30 2 * * *                                  3.6             7.1
--   0 9 * * 1                                   3.7             8.3
--   0 0 1 1 *                                   4.4             9.3
--   0 0 29 2 *                                  6.3            10.6
--   0 9 15W,LW * 5#2                           10.5            13.8
--   every two weeks or month on a wall clock    3.9             8.6   however far away the anchor is
--
-- Across a clock change: 16 to 36. Forty years without a tick (0 0 31 2 *): 30. Every 90 minutes: 0.2.
-- SHIFT_BY_GAP adds 2.5. All but intervals of real time include 1.4 for the `set search_path` of
-- next_local_tick.
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
