-- runs_within: ticks_within for a schedule that may have calendars: the first p_limit instants in [p_from,
-- p_to) at which its ticks run. p_first: the tick that its job accounts for next; null: the schedule has no
-- job. Ticks before it are not returned, even if a calendar would make them run.
-- Ticks that no calendar closes are found all at once (open_ticks); on days whose ticks may move
-- (rolling_days) each tick is evaluated. A tick is accounted for after the ticks before it.
-- Returns: instants, ascending. For a week: decision 0137.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.runs_within(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_from timestamptz, p_to timestamptz, p_limit integer,
    p_first timestamptz default null
) returns setof timestamptz
language sql stable rows 100 set search_path = pg_catalog, pg_temp
as $$
    with run as (
        select tick.at as tick, tick.at as run_at, true as is_run
          from kronos.open_ticks(p_workspace_id, p_calendars, p_schedule,
                                 greatest(p_from, p_starts_at, p_first), least(p_to, p_ends_at),
                                 p_limit) as tick (at)
         union all
        select tick.at, coalesce(fate.run_at, tick.at), fate.run_at is not null
          from kronos.rolling_days(p_schedule, case p_on_blackout when 'NEXT' then 1 else -1 end,
                                   p_starts_at, p_ends_at, p_from, p_to) as rolling (days)
         cross join lateral unnest(rolling.days) as asked (day)
         cross join lateral (
               select kronos.local_instant(asked.day, zone.name, 'SHIFT') as begins,
                      kronos.local_instant(asked.day + interval '1 day', zone.name, 'SHIFT') as ends
                 from coalesce(p_schedule.timezone, 'UTC') as zone (name)) as bounds
         cross join lateral kronos.ticks_within(p_schedule, greatest(bounds.begins, p_starts_at, p_first),
                                                least(bounds.ends, p_ends_at), 1500) as tick (at)
         cross join lateral kronos.when_runs(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                             p_starts_at, p_ends_at, tick.at) as fate
         where fate.code is not null or tick.at < p_from or tick.at >= p_to
    )
    select ordered.run_at
      from (select max(run.run_at) over (order by run.tick) as run_at, run.is_run from run) as ordered
     where ordered.is_run and ordered.run_at >= p_from and ordered.run_at < least(p_to, p_ends_at)
     order by ordered.run_at
     limit p_limit
$$;
