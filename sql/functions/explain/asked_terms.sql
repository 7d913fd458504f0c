-- asked_terms: the schedules of the live CRON jobs of a workspace (null: of all), as alike_terms counts them,
-- for callers that ask when those run within [p_from, p_to). Only the p_schedules with the most jobs are to
-- be evaluated: jobs that run at the same times have the same schedule, however it was written. A paused job
-- runs from its resume_at on; a job of a suspended workspace does not run. Row level security applies.
-- Returns: as alike_terms. Intervals of real time also have first_tick, their first tick to come, and, if
-- their jobs have calendars, the schedule. is_asked: it is among the p_schedules, and kronos.read_schedule
-- could have created it.
create or replace function kronos.asked_terms(p_workspace_id uuid, p_from timestamptz, p_to timestamptz,
                                              p_schedules integer)
returns table (workspace_id uuid, cron text, every text, timezone text, anchor timestamptz,
               anchor_local timestamp, dst_gap text, dst_overlap text, from_at timestamptz,
               to_at timestamptz, jobs bigint, schedule kronos.schedule, seconds integer, calendars text[],
               on_blackout text, starts_at timestamptz, ends_at timestamptz, waits_from timestamptz[],
               first_tick timestamptz, is_asked boolean)
language plpgsql stable rows 500 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
    with term as materialized (
        select alike.*, row_number() over () as nth,
               -- Started intervals are alike if their first ticks are equal. Ticks that roll may have waited.
               case when alike.seconds > 0 and isfinite(alike.anchor)
                    then kronos.next_interval_tick(alike.seconds, alike.anchor,
                                                   p_from - case when alike.on_blackout = 'SKIP'
                                                                 then interval '1 microsecond'
                                                                 else interval '400 days' end)
                    end as first_tick
          from kronos.alike_terms(p_workspace_id, p_from, p_to) as alike
         where alike.from_at < alike.to_at
    ), ranked as (      -- used only if there are too many
        select unnest(each.those) as nth
          from (select array_agg(term.nth) as those,
                       row_number() over (order by sum(term.jobs) desc, term.schedule, term.seconds,
                                                   term.first_tick) as place
                  from term
                 group by term.schedule, term.seconds, term.first_tick, term.from_at, term.to_at,
                          term.calendars, term.on_blackout, term.starts_at, term.ends_at, term.waits_from,
                          case when term.calendars <> '{}' then term.workspace_id end,
                          case when term.calendars <> '{}' then term.timezone end) as each
         where each.place <= p_schedules
    ), zone as materialized (
        select used.name, kronos.is_utc_zone(used.name) or kronos.is_zone_name(used.name)
                          or exists (select from pg_timezone_names as zone where zone.name = used.name)
                          as is_known
          from (select distinct (term.schedule).timezone as name from term) as used
    )
    select term.workspace_id, term.cron, term.every, term.timezone, term.anchor, term.anchor_local,
           term.dst_gap, term.dst_overlap, term.from_at, term.to_at, term.jobs,
           case when term.seconds is null or term.calendars = '{}' then term.schedule
                else jsonb_populate_record(null::kronos.schedule,
                                           jsonb_build_object('every_seconds', term.seconds,
                                                              'anchor', term.first_tick,
                                                              'timezone', term.timezone)) end,
           term.seconds, term.calendars, term.on_blackout, term.starts_at, term.ends_at, term.waits_from,
           term.first_tick,
           coalesce(case when term.seconds is not null then term.first_tick is not null
                         when (term.schedule).anchor_local is not null
                         then kronos.schedule_fault(term.schedule) is null
                         else zone.is_known
                              and num_nulls((term.schedule).days, (term.schedule).weekdays,
                                            (term.schedule).both_days) = 0
                              and (term.schedule).minutes between 1 and (1::bigint << 60) - 1
                              and (term.schedule).hours between 1 and (1 << 24) - 1
                              and (term.schedule).months between 2 and 8190 end, false)
           and ((select count(*) from term) <= p_schedules
                or term.nth in (select ranked.nth from ranked))
      from term
      left join zone on zone.name = (term.schedule).timezone;
end
$$;
