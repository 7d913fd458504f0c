-- moved_hours: how calendars change the ticks of a schedule in [p_from, p_to), on the days that rolling_days
-- returned: which ticks run there instead of at their own time, and which open ticks wait for earlier ones,
-- because a job's ticks are accounted for in order. Each tick is evaluated (when_runs). p_waits_from: for
-- each job with this schedule, the instant from which it is responsible for ticks; no tick waits for one
-- before that.
-- Returns: rows as tick_hours, with the number of additional jobs that run then; negative where a tick waits.
-- began: the jobs meant are those responsible since an instant in this range.
create or replace function kronos.moved_hours(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_days timestamp[], p_waits_from timestamptz[],
    p_from timestamptz, p_to timestamptz
) returns table (hour timestamptz, minutes bigint, jobs bigint, began tstzrange)
language sql stable rows 10 set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select asked.day, tick.at as tick, fate.code is null as is_open, fate.run_at is not null as is_run,
               coalesce(fate.run_at, tick.at) as own_at
          from unnest(p_days) as asked (day)
         cross join lateral (      -- where midnight comes twice, the day begins with the first
               select greatest(kronos.local_instant(asked.day, zone.name, 'SHIFT'), p_starts_at) as begins,
                      least(kronos.local_instant(asked.day + interval '1 day', zone.name, 'SHIFT'),
                            p_ends_at) as ends
                 from coalesce(p_schedule.timezone, 'UTC') as zone (name)) as bounds
         cross join lateral kronos.schedule_hours(p_schedule, bounds.begins, bounds.ends) as each
         cross join generate_series(0, 59) as minute
         cross join lateral (select each.hour + minute * interval '1 minute' as at) as tick
         cross join lateral kronos.when_runs(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                             p_starts_at, p_ends_at, tick.at) as fate
         where each.minutes >> minute & 1 = 1
    ), alike as materialized (      -- jobs with the same first tick of the day
        select day.day, day.ticks, width_bucket(since.at, day.ticks) as passed, count(*) as jobs
          from (select asked.day, array_agg(asked.tick order by asked.tick) as ticks
                  from asked group by 1) as day
         cross join unnest(p_waits_from) as since (at)
         group by 1, 2, 3
        having width_bucket(since.at, day.ticks) < cardinality(day.ticks)
    ), told as (
        select asked.*, alike.jobs,
               tstzrange(coalesce(alike.ticks[alike.passed], '-infinity'),
                         alike.ticks[alike.passed + 1]) as began,
               max(asked.own_at) over (partition by asked.day, alike.passed order by asked.tick) as run_at
          from alike
          join asked on asked.day = alike.day and asked.tick >= alike.ticks[alike.passed + 1]
    )
    select date_trunc('hour', change.at, 'UTC'),
           1::bigint << date_part('minute', change.at at time zone 'UTC')::integer, change.jobs, told.began
      from told
     cross join lateral (values (told.run_at, told.jobs), (told.tick, -told.jobs)) as change (at, jobs)
     where told.is_run and (not told.is_open or told.run_at > told.tick)
       and (change.jobs > 0 or told.is_open)
       and change.at >= p_from and change.at < p_to
$$;
