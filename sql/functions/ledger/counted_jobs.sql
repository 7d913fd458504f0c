-- counted_jobs: the given jobs, each with the instant from which its ticks in [p_from, p_to) are checked: not
-- before its workspace's retention, nor before the job's own ticks. Inlined.
create or replace function kronos.counted_jobs(p_job_ids uuid[], p_from timestamptz, p_to timestamptz)
returns table (job_id uuid, counts_from timestamptz)
language sql stable
as $$
    with retained as materialized (
        select asked.workspace_id,
               least(greatest(p_from, kronos.retained_from(asked.workspace_id)), p_to) as at
          from (select distinct job.workspace_id
                  from kronos.jobs as job
                 where job.job_id = any (p_job_ids)) as asked
    )
    select job.job_id, greatest(retained.at, kronos.finite(job.ticks_from) + interval '1 microsecond')
      from kronos.jobs as job
      join retained using (workspace_id)
     where job.job_id = any (p_job_ids)
$$;
