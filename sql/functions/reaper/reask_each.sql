-- reask_each: reask_local_one_shots for a batch of jobs. The instant of each local time is computed once for
-- all jobs that have it, because it takes 0.1 ms.
-- Returns: how many were moved, and the first of those that another session holds.
create or replace function kronos.reask_each(p_job_ids uuid[], out moved integer, out first_busy uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp
-- the planner cannot know how few rows there are
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    with alike as materialized (
        select alike.job_ids, kronos.local_instant(alike.run_at_local, alike.timezone, alike.dst_gap) as at
          from (select job.run_at_local, job.timezone, job.dst_gap, array_agg(job.job_id) as job_ids
                  from kronos.jobs as job
                 where job.job_id = any (p_job_ids)
                   and job.run_at_local is not null
                   and job.status = 'ACTIVE'
                 group by job.run_at_local, job.timezone, job.dst_gap) as alike
    ), changed as materialized (
        select execution.execution_id, job.job_id, alike.at
          from alike
         cross join lateral unnest(alike.job_ids) as asked (job_id)
          join kronos.jobs as job on job.job_id = asked.job_id
          join kronos.execution_live as execution on execution.job_id = job.job_id
           and execution.job_id <> execution.execution_id
         where alike.at <> job.run_at
           and execution.cause = 'API'
           and execution.claim_token is null
           and execution.attempt_count = 0
           and execution.visible_at = job.run_at
    ), held as materialized (
        select execution.execution_id, changed.job_id, changed.at
          from changed
          join kronos.execution_live as execution using (execution_id)
         where execution.claim_token is null
         order by execution.execution_id
           for update of execution skip locked
    ), execution as (
        update kronos.execution_live as execution
           set scheduled_at = held.at, run_at = held.at, visible_at = held.at,
               deadline_at = held.at + (execution.deadline_at - execution.scheduled_at)
          from held
         where execution.execution_id = held.execution_id
        returning execution.job_id
    ), job as (
        update kronos.jobs as job
           set run_at = held.at
          from held
         where job.job_id = held.job_id
           and (select count(*) from execution) >= 0
        returning job.job_id
    )
    select (select count(*) from job),
           (select changed.job_id
              from changed
             where changed.job_id <> all (array(select job_id from held))
             order by changed.job_id
             limit 1)
      into moved, first_busy;
end
$$;
