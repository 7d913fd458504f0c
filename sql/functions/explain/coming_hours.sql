-- coming_hours: how many runs each minute of [p_from, p_to) will have, from the live CRON jobs of a workspace
-- (null: of all). The bounds are whole minutes. Covers the p_schedules with the most jobs (asked_terms);
-- ignores max_runs and skip_next. Row level security applies.
-- The days of a schedule are computed once for all schedules with the same days. On a day without a clock
-- change in its zone, each has the schedule's hours and minutes. Near a clock change every tick is computed
-- (tick_hours). Calendars appear as the times that they leave open; runs that they move come from
-- coming_rolls.
-- Returns: all times in minutes from p_from on. After each of begins, each of hours (bits 0 to 23) has so
-- many runs in its minutes (bits 0 to 59), if these begin within one of the times from opens up to closes;
-- null: within all. Negative: that many runs wait and run later. The row without begins has jobs: how many
-- were evaluated, and left_out: how many were not, because there are too many schedules, or theirs are
-- malformed or move too many ticks.
-- 50,000 jobs: decision 0132.
create or replace function kronos.coming_hours(p_workspace_id uuid, p_from timestamptz, p_to timestamptz,
                                               p_schedules integer)
returns table (begins integer[], hours integer, minutes bigint[], runs bigint[], opens integer[],
               closes integer[], jobs bigint, left_out bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
    return query
    with told as materialized (
        select each.*, case when each.seconds is not null                     then 'interval'
                            when (each.schedule).anchor_local is not null then 'calendar'
                            else 'cron' end as kind
          from kronos.asked_terms(p_workspace_id, p_from, p_to, p_schedules) as each
    ), closed as materialized (
        select each.*, row_number() over () as nth
          from kronos.open_times_of((
               select jsonb_agg(distinct jsonb_build_object('workspace_id', told.workspace_id,
                                                            'calendars', told.calendars))
                 from told where told.is_asked and told.calendars <> '{}'), p_from, p_to) as each
    ), term as materialized (
        select told.*, closed.nth as closed, greatest(told.from_at, told.starts_at) as since,
               least(told.to_at, told.ends_at) as until
          from told
          left join closed on closed.workspace_id = told.workspace_id and closed.calendars = told.calendars
         where told.is_asked and greatest(told.from_at, told.starts_at) < least(told.to_at, told.ends_at)
    ), cron as materialized (      -- the other fields of a schedule determine its days
        select (term.schedule).timezone as zone, (term.schedule).hours, term.since, term.until, term.closed,
               kronos.at_midnight((array_agg(term.schedule))[1]) as days,
               array_agg((term.schedule).minutes) as minutes, array_agg(term.jobs) as runs
          from term
         where term.kind = 'cron'
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
    ), interval_term as materialized (      -- not even: some minutes have one tick more than others
        select term.seconds, term.first_tick, term.since, term.until, term.closed,
               term.seconds >= 60 or 60 % term.seconds = 0 as is_even, sum(term.jobs)::bigint as jobs
          from term where term.kind = 'interval' group by 1, 2, 3, 4, 5
    ), single as (
        select each.hour, each.minutes, alike.jobs as runs, alike.closed
          from (select term.schedule, term.since, term.until, term.closed, sum(term.jobs)::bigint as jobs
                  from term      -- across all workspaces many share a schedule
                 where term.kind = 'cron'
                   and (term.schedule).timezone in (select zone_day.zone from zone_day
                                                     where not zone_day.is_calm)
                 group by 1, 2, 3, 4) as alike
          join zone_day on zone_day.zone = (alike.schedule).timezone and not zone_day.is_calm
         cross join lateral kronos.tick_hours(alike.schedule, greatest(zone_day.begins, alike.since),
                                              least(zone_day.ends, alike.until)) as each
         union all
        select each.hour, each.minutes, term.jobs, term.closed
          from term
         cross join lateral kronos.tick_hours(term.schedule, term.since, term.until) as each
         where term.kind = 'calendar'
         union all
        select each.hour, each.minutes, alike.jobs * (60 / least(alike.seconds, 60)), alike.closed
          from interval_term as alike
         cross join lateral kronos.interval_hours(alike.seconds, alike.first_tick, alike.since, alike.until)
                                as each
         where alike.is_even
         union all
        select date_trunc('hour', minute.at, 'UTC'),
               bit_or(1::bigint << date_part('minute', minute.at at time zone 'UTC')::integer),
               alike.jobs * counted.ticks, alike.closed
          from interval_term as alike
         cross join generate_series(date_trunc('minute', greatest(alike.since, alike.first_tick), 'UTC'),
                                    alike.until - interval '1 microsecond',
                                    interval '1 minute') as minute (at)
         cross join lateral (
               select (ceil(extract(epoch from least(minute.at + interval '1 minute', alike.until)
                                               - alike.first_tick) / alike.seconds)
                       - ceil(extract(epoch from greatest(minute.at, alike.since, alike.first_tick)
                                                 - alike.first_tick) / alike.seconds))::bigint as ticks)
                                 as counted
         where not alike.is_even and counted.ticks > 0
         group by 1, 3, 4, alike.seconds, alike.first_tick, alike.since, alike.until
    ), moved as materialized (
        select each.* from kronos.coming_rolls(p_workspace_id, p_from, p_to, p_schedules) as each
         where exists (select from told where told.on_blackout <> 'SKIP')
    ), counted as (
        select named.begins, cron.hours, cron.minutes, cron.runs, cron.closed, cron.since, cron.until
          from cron
          join named on named.days = cron.days
         union all
        select array[extract(epoch from each.hour - p_from)::integer / 60], 1, array_agg(each.minutes),
               array_agg(each.runs), each.closed, p_from, p_to
          from (select * from single union all select moved.hour, moved.minutes, moved.runs, null from moved)
                   as each
         where each.minutes <> 0
         group by each.hour, each.closed
    )
    select counted.begins, counted.hours, counted.minutes, counted.runs, open.opens, open.closes,
           null::bigint, null::bigint
      from counted
      left join closed on closed.nth = counted.closed
      left join lateral (
           select coalesce(array_agg(ceil(extract(epoch from lower(part) - p_from) / 60)::integer), '{}')
                      as opens,
                  coalesce(array_agg(ceil(extract(epoch from upper(part) - p_from) / 60)::integer), '{}')
                      as closes
             from unnest(tstzmultirange(tstzrange(counted.since, counted.until))
                         * coalesce(closed.times, tstzmultirange(tstzrange(p_from, p_to)))) as part) as open
        on counted.closed is not null or counted.since > p_from or counted.until < p_to
     union all
    select null, null, null, null, null, null,
           coalesce(sum(told.jobs) filter (where told.is_asked), 0)::bigint,
           coalesce(sum(told.jobs) filter (where not told.is_asked), 0)::bigint
           + coalesce((select sum(moved.left_out) from moved), 0)::bigint
      from told;
end
$$;
