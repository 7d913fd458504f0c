-- rolled_hours: the runs in [p_from, p_to) of a schedule's ticks that calendars move there from another day,
-- of the days that rolling_days named. Each of their ticks is asked for (when_runs), as one
-- waits for those before it. p_waits_from: of the jobs that have the schedule, since when each answers for
-- ticks; a tick that waits at p_from is of those that began before it.
-- Returns: as tick_hours, with how many jobs run then, and the tick.
create or replace function kronos.rolled_hours(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_days timestamp[], p_waits_from timestamptz[],
    p_from timestamptz, p_to timestamptz
) returns table (hour timestamptz, minutes bigint, jobs bigint, tick timestamptz)
language sql stable rows 10 set search_path = pg_catalog, pg_temp
as $$
    select date_trunc('hour', told.run_at, 'UTC'),
           1::bigint << date_part('minute', told.run_at at time zone 'UTC')::integer,
           case when told.tick < p_from and p_on_blackout = 'NEXT'
                then (select count(*) from unnest(p_waits_from) as began (at) where began.at < told.tick)
                else cardinality(p_waits_from) end,
           told.tick
      from (select tick.at as tick, fate.code is not null and fate.run_at is not null as is_moved,
                   max(coalesce(fate.run_at, tick.at)) over (partition by asked.day
                                                                 order by tick.at) as run_at
              from unnest(p_days) as asked (day)
             cross join lateral (      -- where midnight comes twice a day begins with the first
                   select greatest(kronos.local_instant(asked.day, zone.name, 'SHIFT'),
                                   p_starts_at) as begins,
                          least(kronos.local_instant(asked.day + interval '1 day', zone.name, 'SHIFT'),
                                p_ends_at) as ends
                     from coalesce(p_schedule.timezone, 'UTC') as zone (name)) as bounds
             cross join lateral kronos.schedule_hours(p_schedule, bounds.begins, bounds.ends) as each
             cross join generate_series(0, 59) as minute
             cross join lateral (select each.hour + minute * interval '1 minute' as at) as tick
             cross join lateral kronos.when_runs(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                                 p_starts_at, p_ends_at, tick.at) as fate
             where each.minutes >> minute & 1 = 1) as told
     where told.is_moved
       and told.run_at >= p_from and told.run_at < p_to
$$;
