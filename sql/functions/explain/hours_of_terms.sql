-- hours_of_terms: how many runs each minute of [p_from, p_to) will have from p_jobs jobs with each schedule,
-- from its p_since up to its p_until; p_seconds and p_first_ticks for intervals, as in asked_terms. p_closed
-- distinguishes those that calendars leave different times.
-- The days of a cron schedule are computed once for all schedules with the same days. On a day without a
-- clock change in its zone, each has the schedule's hours and minutes. Near a clock change every tick is
-- computed (tick_hours).
-- Returns: as coming_hours, for each pattern of days and hours; a single hour has its instant instead of
-- begins and hours, and one element in minutes and runs.
-- Planned for any arrays, which may have thousands of elements: a plan that scans one list for each row of
-- the other would take seconds.
create or replace function kronos.hours_of_terms(
    p_schedules kronos.schedule[], p_seconds integer[], p_first_ticks timestamptz[], p_since timestamptz[],
    p_until timestamptz[], p_closed bigint[], p_jobs bigint[], p_from timestamptz, p_to timestamptz
)
returns table (begins integer[], hours integer, minutes bigint[], runs bigint[], closed bigint,
               since timestamptz, until timestamptz, hour timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_nestloop = off set jit = off
as $$
begin
    return query
    with term as materialized (
        select unnest(p_schedules) as schedule, unnest(p_seconds) as seconds,
               unnest(p_first_ticks) as first_tick, unnest(p_since) as since, unnest(p_until) as until,
               unnest(p_closed) as closed, unnest(p_jobs) as jobs
    ), cron_term as materialized (
        select term.* from term where term.seconds is null and (term.schedule).anchor_local is null
    ), cron as materialized (      -- the other fields of a schedule determine its days
        select (term.schedule).timezone as zone, (term.schedule).hours, term.since, term.until, term.closed,
               kronos.at_midnight((array_agg(term.schedule))[1]) as days,
               array_agg((term.schedule).minutes) as minutes, array_agg(term.jobs) as runs
          from cron_term as term
         group by 1, 2, 3, 4, 5, (term.schedule).days, (term.schedule).months, (term.schedule).weekdays,
                  (term.schedule).both_days, (term.schedule).nearest_days, (term.schedule).nth_weekdays,
                  (term.schedule).last_weekdays
    ), zone_day as materialized (
        select zone.name as zone, each.day, each.begins, each.ends, each.is_calm
          from (select distinct cron.zone from cron) as zone (name)
         cross join lateral kronos.days_of(zone.name, p_from, p_to) as each
    ), named_day as materialized (
        select alike.days, alike.zone, each.day
          from (select distinct cron.days, cron.zone from cron) as alike
         cross join lateral kronos.named_days(alike.days, p_from, p_to) as each (day)
    ), named as materialized (
        select each.days, array_agg(extract(epoch from zone_day.begins - p_from)::integer / 60) as begins
          from named_day as each
          join zone_day on zone_day.zone = each.zone and zone_day.day = each.day and zone_day.is_calm
         group by each.days
    )
    select named.begins, cron.hours, cron.minutes, cron.runs, cron.closed, cron.since, cron.until,
           null::timestamptz
      from cron
      join named on named.days = cron.days
     union all
    select null, null, array[each.minutes], array[alike.jobs], alike.closed, null, null, each.hour
      from (select term.schedule, term.since, term.until, term.closed, sum(term.jobs)::bigint as jobs
              from cron_term as term      -- across all workspaces many share a schedule
             where (term.schedule).timezone in (select zone_day.zone from zone_day where not zone_day.is_calm)
             group by 1, 2, 3, 4) as alike
      join zone_day on zone_day.zone = (alike.schedule).timezone and not zone_day.is_calm
     cross join lateral kronos.tick_hours(alike.schedule, greatest(zone_day.begins, alike.since),
                                          least(zone_day.ends, alike.until)) as each
     union all
    select null, null, array[each.minutes], array[term.jobs], term.closed, null, null, each.hour
      from term
     cross join lateral kronos.tick_hours(term.schedule, term.since, term.until) as each
     where term.seconds is null and (term.schedule).anchor_local is not null
     union all
    select null, null, array[each.minutes], array[alike.jobs * each.ticks], alike.closed, null, null,
           each.hour
      from (select term.seconds, term.first_tick, term.since, term.until, term.closed,
                   sum(term.jobs)::bigint as jobs
              from term where term.seconds is not null group by 1, 2, 3, 4, 5) as alike
     cross join lateral kronos.interval_runs(alike.seconds, alike.first_tick, alike.since,
                                             alike.until) as each;
end
$$;
