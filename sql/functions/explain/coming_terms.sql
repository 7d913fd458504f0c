-- coming_terms: the schedules of the live CRON jobs of a workspace (null: of all), each once, with how many
-- jobs have it within a part of [p_from, p_to): jobs that run at the same times are one row. A paused job
-- runs from its resume_at on, one of a suspended workspace not at all. Row level security confines it.
-- Returns: of intervals of real time seconds and the first tick that is to come; of jobs with calendars the
-- workspace, and what alike_terms says of them, with the schedule of intervals too; place: 1 is the one that
-- most jobs have; is_read: kronos.read_schedule could have made it.
create or replace function kronos.coming_terms(p_workspace_id uuid, p_from timestamptz, p_to timestamptz)
returns table (schedule kronos.schedule, seconds integer, anchor timestamptz, from_at timestamptz,
               to_at timestamptz, jobs bigint, place bigint, is_read boolean, workspace_id uuid,
               calendars text[], on_blackout text, starts_at timestamptz, ends_at timestamptz,
               waits_from timestamptz[])
language plpgsql stable rows 500 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
    with term as materialized (      -- what follows is done for each schedule, not for each job
        select alike.schedule, alike.seconds,
               -- intervals that have begun are alike where their first ticks are; what rolls may have waited
               case when alike.seconds > 0 and isfinite(alike.anchor)
                    then kronos.next_interval_tick(alike.seconds, alike.anchor,
                                                   p_from - case when alike.on_blackout = 'SKIP'
                                                                 then interval '1 microsecond'
                                                                 else interval '400 days' end) end as anchor,
               alike.from_at, alike.to_at, sum(alike.jobs)::bigint as jobs,
               case when alike.calendars <> '{}' then alike.workspace_id end as workspace_id, alike.calendars,
               alike.on_blackout, alike.starts_at, alike.ends_at, alike.waits_from,
               case when alike.seconds is not null and alike.calendars <> '{}'
                    then alike.timezone end as timezone
          from kronos.alike_terms(p_workspace_id, p_from, p_to) as alike
         group by 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13
    ), zone as materialized (
        select used.name, kronos.is_utc_zone(used.name) or kronos.is_zone_name(used.name)
                          or exists (select from pg_timezone_names as zone where zone.name = used.name)
                          as is_known
          from (select distinct (term.schedule).timezone as name from term) as used
    )
    select case when term.timezone is null then term.schedule
                else jsonb_populate_record(null::kronos.schedule,
                                           jsonb_build_object('every_seconds', term.seconds,
                                                              'anchor', term.anchor,
                                                              'timezone', term.timezone)) end,
           term.seconds, term.anchor, term.from_at, term.to_at, term.jobs,
           row_number() over (order by term.jobs desc, term.schedule, term.seconds, term.anchor),
           coalesce(case when term.seconds is not null then term.anchor is not null
                         when (term.schedule).anchor_local is not null
                         then kronos.schedule_fault(term.schedule) is null
                         else zone.is_known
                              and num_nulls((term.schedule).days, (term.schedule).weekdays,
                                            (term.schedule).both_days) = 0
                              and (term.schedule).minutes between 1 and (1::bigint << 60) - 1
                              and (term.schedule).hours between 1 and (1 << 24) - 1
                              and (term.schedule).months between 2 and 8190 end, false),
           term.workspace_id, term.calendars, term.on_blackout, term.starts_at, term.ends_at, term.waits_from
      from term
      left join zone on zone.name = (term.schedule).timezone
     where term.from_at < term.to_at;
end
$$;
