-- closed_terms: the live jobs with calendars, counted as in alike_terms. Reads only an index
-- (jobs_by_closed_terms). Row level security applies.
-- Returns: one row per group of alike jobs, and a second one without calendars and with a negative number of
-- jobs, which subtracts them from the count of jobs_by_terms. waits_from: if closed ticks roll, the time
-- since which each of the jobs has been answerable for its ticks. A job whose pause is to end takes the ticks
-- that wait then, however old they are.
create or replace function kronos.closed_terms(p_workspace_id uuid, p_to timestamptz)
returns table (workspace_id uuid, cron text, every text, timezone text, anchor timestamptz,
               anchor_local timestamp, dst_gap text, dst_overlap text, starts_at timestamptz,
               ends_at timestamptz, resume_at timestamptz, jobs bigint, calendars text[], on_blackout text,
               waits_from timestamptz[])
language plpgsql stable rows 500 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
begin
    return query
    with alike as (
        select job.workspace_id, job.calendars, job.on_blackout, job.cron, job.every, job.timezone,
               job.anchor, job.anchor_local, job.dst_gap, job.dst_overlap, job.starts_at, job.ends_at,
               job.resume_at, count(*) as jobs,
               array_agg(case when job.status = 'ACTIVE' then job.ticks_from else '-infinity' end)
                   filter (where job.on_blackout <> 'SKIP') as waits_from
          from kronos.jobs as job
         where (p_workspace_id is null or job.workspace_id = p_workspace_id)
           and job.calendars <> '{}' and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
           and (job.status = 'ACTIVE' or job.resume_at < p_to)
         group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
    )
    select alike.workspace_id, alike.cron, alike.every, alike.timezone, alike.anchor, alike.anchor_local,
           alike.dst_gap, alike.dst_overlap, alike.starts_at, alike.ends_at, alike.resume_at, each.jobs,
           each.calendars, each.on_blackout, each.waits_from
      from alike
     cross join lateral (values (alike.jobs, alike.calendars, alike.on_blackout, alike.waits_from),
                                (-alike.jobs, '{}'::text[], 'SKIP', null))
                            as each (jobs, calendars, on_blackout, waits_from);
end
$$;
