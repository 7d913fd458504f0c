-- with_locked_jobs: those of the given executions that are one-shots whose row in jobs is locked by another
-- session at this moment. Ending such an execution would update that row (complete_one_shots). Waits for no
-- lock.
create or replace function kronos.with_locked_jobs(p_execution_ids uuid[]) returns setof uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with one_shot as materialized (
        select live.execution_id, live.job_id
          from kronos.execution_live as live
         where live.execution_id = any (p_execution_ids)
           and live.cause = 'API'
           and live.job_id <> live.execution_id
    ), free as materialized (
        select job.job_id
          from kronos.jobs as job
         where job.job_id = any (array(select one_shot.job_id from one_shot))
           for update skip locked
    )
    select one_shot.execution_id
      from one_shot
      join kronos.jobs as job using (job_id)
     where job_id not in (select free.job_id from free)
$$;
