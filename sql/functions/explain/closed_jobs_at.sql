-- closed_jobs_at: coming_jobs, of the jobs with calendars: those that have a tick in the minute which none of
-- them closes, or one that they move there. Each schedule is asked once; then the jobs that have one of these
-- calendars are read.
create or replace function kronos.closed_jobs_at(p_workspace_id uuid, p_at timestamptz, p_schedules integer)
returns setof kronos.jobs
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_moment constant interval    := interval '1 microsecond';
    v_until  constant timestamptz := p_at + interval '1 minute';
begin
    if not exists (select
                     from kronos.jobs as job
                    where (p_workspace_id is null or job.workspace_id = p_workspace_id)
                      and job.calendars <> '{}' and job.trigger = 'CRON'
                      and job.status in ('ACTIVE', 'PAUSED'))
    then
        return;      -- what has no calendar is not counted again
    end if;
    return query
    with term as materialized (
        select each.*,
               kronos.next_tick(each.schedule, greatest(each.from_at, each.starts_at) - c_moment)
                   < least(each.to_at, each.ends_at)
               and (select shut.calendar is null
                      from kronos.closure_at(each.workspace_id, each.calendars, p_at) as shut) as is_open
          from kronos.coming_terms(p_workspace_id, p_at, v_until) as each
         where each.is_read and each.place <= p_schedules and each.calendars <> '{}'
    ), due as materialized (
        select term.*, moved.tick
          from term
          left join lateral (
               select max(each.tick) as tick
                 from kronos.rolled_hours(term.workspace_id, term.calendars, term.on_blackout, term.schedule,
                                          term.starts_at, term.ends_at,
                                          kronos.rolling_days(term.schedule,
                                                              case term.on_blackout when 'NEXT' then 1
                                                                                    else -1 end,
                                                              term.starts_at, term.ends_at, p_at, v_until),
                                          term.waits_from, term.from_at, v_until) as each
                where term.on_blackout <> 'SKIP' and not coalesce(term.is_open, false)) as moved on true
         where term.is_open or moved.tick is not null
    )
    select job.*
      from due
      join kronos.jobs as job on job.workspace_id = due.workspace_id and job.calendars = due.calendars
       and job.on_blackout = due.on_blackout
     where job.calendars <> '{}' and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
       and (job.status = 'ACTIVE' or job.resume_at < v_until)
       and case when due.seconds is null then job.schedule = due.schedule
                else (job.schedule).every_seconds = due.seconds and (job.schedule).anchor < v_until
                     and mod(extract(epoch from (job.schedule).anchor - due.anchor), due.seconds) = 0 end
       and case when due.on_blackout = 'SKIP'
                then greatest(p_at, kronos.finite(job.starts_at), kronos.finite(job.resume_at)) = due.from_at
                     and least(v_until, job.ends_at) = due.to_at
                else (due.starts_at, due.ends_at)
                     is not distinct from (kronos.finite(job.starts_at), kronos.finite(job.ends_at))
                     and greatest(p_at, kronos.finite(job.resume_at)) = due.from_at end
       and (due.is_open or job.status = 'PAUSED' or job.ticks_from < due.tick or due.on_blackout = 'PREVIOUS'
            or due.tick >= kronos.now());
end
$$;
