-- coming_hours: how many runs each minute of [p_from, p_to) will have, from the live CRON jobs of a workspace
-- (null: of all). The bounds are whole minutes. Covers the p_schedules with the most jobs (asked_terms);
-- ignores max_runs and skip_next. Row level security applies.
-- Schedules become hours in hours_of_terms. Calendars appear as the times that they leave open; runs that
-- they move come from coming_rolls.
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
        select each.* from kronos.asked_terms(p_workspace_id, p_from, p_to, p_schedules) as each
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
    ), timed as materialized (
        select each.*
          from (select array_agg(term.schedule) as schedules, array_agg(term.seconds) as seconds,
                       array_agg(term.first_tick) as first_ticks, array_agg(term.since) as since,
                       array_agg(term.until) as until, array_agg(term.closed) as closed,
                       array_agg(term.jobs) as jobs from term) as given
         cross join lateral kronos.hours_of_terms(given.schedules, given.seconds, given.first_ticks,
                                                  given.since, given.until, given.closed, given.jobs,
                                                  p_from, p_to) as each
    ), moved as materialized (
        select each.* from kronos.coming_rolls(p_workspace_id, p_from, p_to, p_schedules) as each
         where exists (select from told where told.on_blackout <> 'SKIP')
    ), counted as (
        select timed.begins, timed.hours, timed.minutes, timed.runs, timed.closed, timed.since, timed.until
          from timed where timed.hour is null
         union all
        select array[extract(epoch from each.hour - p_from)::integer / 60], 1, array_agg(each.minutes),
               array_agg(each.runs), each.closed, p_from, p_to
          from (select timed.hour, timed.minutes[1], timed.runs[1], timed.closed
                  from timed where timed.hour is not null
                 union all
                select moved.hour, moved.minutes, moved.runs, null from moved) as each (hour, minutes, runs,
                                                                                        closed)
         where each.minutes <> 0
         group by each.hour, each.closed
    )
    select counted.begins, counted.hours, counted.minutes, counted.runs, open.opens, open.closes,
           null::bigint, null::bigint
      from counted
      left join closed on closed.nth = counted.closed
      left join lateral kronos.minutes_open(
                            tstzmultirange(tstzrange(counted.since, counted.until))
                            * coalesce(closed.times, tstzmultirange(tstzrange(p_from, p_to))), p_from) as open
        on counted.closed is not null or counted.since > p_from or counted.until < p_to
     union all
    select null, null, null, null, null, null,
           coalesce(sum(told.jobs) filter (where told.is_asked), 0)::bigint,
           coalesce(sum(told.jobs) filter (where not told.is_asked), 0)::bigint
           + coalesce((select sum(moved.left_out) from moved), 0)::bigint
      from told;
end
$$;
