-- alike_terms: counts the live CRON jobs of a workspace (null: of all) that are alike: same schedule as
-- written, and same part of [p_from, p_to) in which they run. A paused job runs from its resume_at on; a job
-- of a suspended workspace does not run. Row level security applies.
-- Reads only an index (jobs_by_terms), plus one job per text for the schedule that all of them share. Jobs
-- with calendars come from closed_terms, which also subtracts them from the others.
-- Returns: one row per group of alike jobs. For intervals of real time seconds, otherwise the schedule;
-- neither if there is no valid one. If closed ticks roll, the part is the whole range, and starts_at, ends_at
-- and waits_from are set, as in closed_terms.
-- 50,000 jobs of 800 schedules: 13 ms; reading the jobs took 55.
create or replace function kronos.alike_terms(p_workspace_id uuid, p_from timestamptz, p_to timestamptz)
returns table (workspace_id uuid, cron text, every text, timezone text, anchor timestamptz,
               anchor_local timestamp, dst_gap text, dst_overlap text, from_at timestamptz,
               to_at timestamptz, jobs bigint, schedule kronos.schedule, seconds integer, calendars text[],
               on_blackout text, starts_at timestamptz, ends_at timestamptz, waits_from timestamptz[])
language plpgsql stable rows 500 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_sort = off set jit = off
as $$
begin
    return query
    with counted as materialized (      -- in the order of the index
        select job.workspace_id, job.cron, job.every, job.timezone, job.anchor, job.anchor_local, job.dst_gap,
               job.dst_overlap, job.starts_at, job.ends_at, job.resume_at, count(*) as jobs
          from kronos.jobs as job
         where (p_workspace_id is null or job.workspace_id = p_workspace_id)
           and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
           and (job.status = 'ACTIVE' or job.resume_at < p_to)
         group by job.workspace_id, job.cron, job.every, job.timezone, job.anchor, job.anchor_local,
                  job.dst_gap, job.dst_overlap, job.starts_at, job.ends_at, job.resume_at
    ), alike as materialized (
        select each.workspace_id, each.cron, each.every, each.timezone, each.anchor, each.anchor_local,
               each.dst_gap, each.dst_overlap,
               greatest(p_from, kronos.finite(each.resume_at), bounds.since) as from_at,
               least(p_to, bounds.until) as to_at, sum(each.jobs)::bigint as jobs, each.calendars,
               each.on_blackout,
               case when each.on_blackout <> 'SKIP' then kronos.finite(each.starts_at) end as starts_at,
               case when each.on_blackout <> 'SKIP' then kronos.finite(each.ends_at) end as ends_at,
               each.waits_from
          from (select counted.*, '{}'::text[] as calendars, 'SKIP' as on_blackout,
                       null::timestamptz[] as waits_from from counted
                 union all
                select * from kronos.closed_terms(p_workspace_id, p_to)) as each
         cross join lateral (select case when each.on_blackout = 'SKIP' then kronos.finite(each.starts_at) end
                                        as since,
                                    case when each.on_blackout = 'SKIP' then each.ends_at end as until)
                                as bounds
         group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16
        having sum(each.jobs) > 0
    ), written as materialized (
        select each.workspace_id, each.cron, each.every, each.timezone, each.anchor_local, each.dst_gap,
               each.dst_overlap, min(each.anchor) as anchor
          from alike as each
         group by 1, 2, 3, 4, 5, 6, 7
    ), known as materialized (
        select written.*, coalesce(written.anchor_local, '-infinity') as counted_from, made.schedule
          from written
         cross join lateral (
               select job.schedule
                 from kronos.jobs_written(written.workspace_id, written.cron, written.every, written.timezone,
                                          written.anchor, written.anchor_local, written.dst_gap,
                                          written.dst_overlap) as job
                limit 1) as made
    )
    select alike.workspace_id, alike.cron, alike.every, alike.timezone, alike.anchor, alike.anchor_local,
           alike.dst_gap, alike.dst_overlap, alike.from_at, alike.to_at, alike.jobs,
           case when (known.schedule).every_seconds is null then known.schedule end,
           (known.schedule).every_seconds, alike.calendars, alike.on_blackout, alike.starts_at, alike.ends_at,
           alike.waits_from
      from alike
      left join known on known.workspace_id = alike.workspace_id
                     and coalesce(known.cron, known.every) = coalesce(alike.cron, alike.every)
                     and known.timezone = alike.timezone
                     and known.counted_from = coalesce(alike.anchor_local, '-infinity')
                     and known.dst_gap = alike.dst_gap and known.dst_overlap = alike.dst_overlap
      -- Not a join: the planner would expect one row from it, and scan all of known for each row of alike.
     where alike.workspace_id = any (array(select workspace.workspace_id from kronos.workspaces as workspace
                                            where workspace.status = 'ACTIVE'));
end
$$;
