-- coming_load: what the live CRON jobs of a workspace (null: of all) are going to do in [p_from, p_to): how
-- many runs each minute has, an hour of alike minutes in one row. The p_schedules that most jobs have are
-- looked at (coming_terms); max_runs and skip_next are not asked. What days a schedule has is asked once for
-- all that have the same days; on a day on which the zone's clocks are left alone each of them has the
-- schedule's hours and minutes, and near a change of the clocks each tick is asked for (tick_hours). What
-- calendars close is taken out, an hour at a time, and what they move is coming_rolls'. Row level security
-- confines it.
-- Returns: minutes as tick_hours, runs in each; jobs: how many of them were looked at; left_out: and how many
-- were not, as their schedules are too many, or malformed, or move too much.   50,000 jobs: decisions 0086
-- and 0118.
create or replace function kronos.coming_load(p_workspace_id uuid, p_from timestamptz, p_to timestamptz,
                                              p_schedules integer)
returns table (hour timestamptz, minutes bigint, runs bigint, jobs bigint, left_out bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
begin
    return query
    with told as materialized (
        select each.schedule, each.seconds, each.anchor, greatest(each.from_at, each.starts_at) as from_at,
               least(each.to_at, each.ends_at) as to_at, each.jobs, each.workspace_id, each.calendars,
               each.on_blackout, each.is_read and each.place <= p_schedules as is_asked,
               case when each.seconds is not null                     then 'interval'
                    when (each.schedule).anchor_local is not null then 'calendar'
                    else 'cron' end as kind
          from kronos.coming_terms(p_workspace_id, p_from, p_to) as each
    ), closed as materialized (
        select alike.*, row_number() over () as nth,
               kronos.open_times(alike.workspace_id, alike.calendars, p_from, p_to) as open
          from (select distinct told.workspace_id, told.calendars
                  from told where told.is_asked and told.calendars <> '{}') as alike
    ), term as materialized (
        select told.*, closed.nth as closed
          from told
          left join closed on closed.workspace_id = told.workspace_id and closed.calendars = told.calendars
    ), cron as materialized (
        select term.*, (term.schedule).timezone as zone, kronos.at_midnight(term.schedule) as days,
               kronos.cron_values((term.schedule).hours::bigint) as hours
          from term
         where term.is_asked and term.kind = 'cron'
    ), zone_day as materialized (
        select zone.name as zone, each.day, each.begins, each.ends, each.is_calm
          from (select distinct cron.zone from cron) as zone (name)
         cross join lateral kronos.days_of(zone.name, p_from, p_to) as each
    ), named_day as materialized (
        select alike.days, zone_day.begins
          from (select distinct cron.days, cron.zone from cron) as alike
         cross join lateral kronos.named_days(alike.days, p_from, p_to) as named (day)
          join zone_day on zone_day.zone = alike.zone and zone_day.day = named.day and zone_day.is_calm
    ), named as materialized (
        select hour.at as hour,
               kronos.minutes_within((cron.schedule).minutes, hour.at, cron.from_at, cron.to_at) as minutes,
               cron.jobs as runs, cron.closed
          from cron
          join named_day on named_day.days = cron.days
         cross join unnest(cron.hours) as of_day (hour)
         cross join lateral (select named_day.begins + of_day.hour * interval '1 hour' as at) as hour
         where hour.at + interval '1 hour' > cron.from_at and hour.at < cron.to_at
         union all
        select each.hour, each.minutes, cron.jobs, cron.closed
          from cron
          join zone_day on zone_day.zone = cron.zone and not zone_day.is_calm
         cross join lateral kronos.tick_hours(cron.schedule, greatest(zone_day.begins, cron.from_at),
                                              least(zone_day.ends, cron.to_at)) as each
         union all
        select each.hour, each.minutes, term.jobs, term.closed
          from term
         cross join lateral kronos.tick_hours(term.schedule, term.from_at, term.to_at) as each
         where term.is_asked and term.kind = 'calendar'
         union all
        select each.hour, each.minutes, term.jobs * (60 / least(term.seconds, 60)), term.closed
          from term
         cross join lateral kronos.interval_hours(term.seconds, term.anchor, term.from_at, term.to_at) as each
         where term.is_asked and term.kind = 'interval'
    ), open as materialized (
        select hour.closed, hour.at, kronos.open_minutes(closed.open, hour.at) as minutes
          from (select distinct named.closed, named.hour from named where named.closed is not null)
                   as hour (closed, at)
          join closed on closed.nth = hour.closed
    ), moved as materialized (
        select each.* from kronos.coming_rolls(p_workspace_id, p_from, p_to, p_schedules) as each
         where exists (select from told where told.on_blackout <> 'SKIP')
    )
    select each.hour, each.minutes, sum(each.runs)::bigint, null::bigint, null::bigint
      from (select named.hour, named.minutes & coalesce(open.minutes, -1) as minutes, named.runs
              from named
              left join open on open.closed = named.closed and open.at = named.hour
             union all
            select moved.hour, moved.minutes, moved.runs from moved) as each
     where each.minutes <> 0
     group by each.hour, each.minutes
     union all
    select null, null, null, coalesce(sum(term.jobs) filter (where term.is_asked), 0)::bigint,
           coalesce(sum(term.jobs) filter (where not term.is_asked), 0)::bigint
           + coalesce((select sum(moved.left_out) from moved), 0)::bigint
      from term;
end
$$;
