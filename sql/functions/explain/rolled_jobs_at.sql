-- rolled_jobs_at: coming_jobs for jobs whose closed ticks roll: those with a tick in the minute that no
-- calendar closes and that waits for no other, or with a moved one that runs in it (moved_hours). Each
-- distinct schedule is evaluated once; then its jobs are read.
create or replace function kronos.rolled_jobs_at(p_workspace_id uuid, p_at timestamptz, p_schedules integer)
returns setof kronos.jobs
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_sort = off
set jit = off
as $$
declare
    c_moment constant interval    := interval '1 microsecond';
    v_until  constant timestamptz := p_at + interval '1 minute';
begin
    if not exists (select
                     from kronos.jobs as job
                    where (p_workspace_id is null or job.workspace_id = p_workspace_id)
                      and job.calendars <> '{}' and job.on_blackout <> 'SKIP'
                      and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED'))
    then
        return;      -- nothing rolls: no need to count the terms again
    end if;
    return query
    with term as materialized (
        select each.*,
               kronos.next_tick(each.schedule, greatest(each.from_at, each.starts_at) - c_moment)
                   < least(each.to_at, each.ends_at)
               and (select shut.calendar is null
                      from kronos.closed_by(each.workspace_id, each.calendars, p_at) as shut) as is_open
          from kronos.asked_terms(p_workspace_id, p_at, v_until, p_schedules) as each
         where each.is_asked and each.on_blackout <> 'SKIP'
    ), due as materialized (
        select term.*, moved.come, moved.wait
          from term
         cross join lateral (
               select coalesce(range_agg(each.began) filter (where each.jobs > 0), '{}') as come,
                      coalesce(range_agg(each.began) filter (where each.jobs < 0), '{}') as wait
                 from kronos.moved_hours(term.workspace_id, term.calendars, term.on_blackout, term.schedule,
                                         term.starts_at, term.ends_at,
                                         kronos.rolling_days(term.schedule,
                                                             case term.on_blackout when 'NEXT' then 1
                                                                                   else -1 end,
                                                             term.starts_at, term.ends_at, p_at, v_until),
                                         term.waits_from, term.from_at, v_until) as each) as moved
         where term.is_open or moved.come <> '{}'
    )
    select job.*
      from due
     cross join lateral kronos.jobs_written(due.workspace_id, due.cron, due.every, due.timezone, due.anchor,
                                            due.anchor_local, due.dst_gap, due.dst_overlap) as job
     cross join lateral (select case when job.status = 'ACTIVE' then job.ticks_from
                                     else '-infinity' end as at) as began
     where job.calendars = due.calendars and job.on_blackout = due.on_blackout
       and (job.status = 'ACTIVE' or job.resume_at < v_until)
       and (due.starts_at, due.ends_at)
           is not distinct from (kronos.finite(job.starts_at), kronos.finite(job.ends_at))
       and greatest(p_at, kronos.finite(job.resume_at)) = due.from_at
       and (due.is_open and not due.wait @> began.at or due.come @> began.at);
end
$$;
