-- lock_jobs: locks the workspace's CRON jobs that are ACTIVE, in the order of their ids, until the
-- transaction ends. One whose pause has run out is one of them: its pause ends here.
-- The caller holds the workspace's lock.   Returns: their ids, ascending.
create or replace function kronos.lock_jobs(p_workspace_id uuid) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now     constant timestamptz := kronos.clock();
    v_job_ids uuid[];
    v_paused  uuid[];
begin
    select coalesce(array_agg(job_id), '{}'), coalesce(array_agg(job_id) filter (where status = 'PAUSED'), '{}') into v_job_ids, v_paused
      from (select job.job_id, job.status
              from kronos.jobs as job
             where job.workspace_id = p_workspace_id
               and job.trigger = 'CRON'
               and (job.status = 'ACTIVE' or (job.status = 'PAUSED' and job.resume_at <= v_now))
             order by job.job_id
               for update) as locked;
    for v_at in 1 .. cardinality(v_paused) by 1000 loop
        perform kronos.skip_each(v_paused[v_at : v_at + 999], v_now);
    end loop;
    update kronos.jobs set status = 'ACTIVE', status_reason = null, resume_at = null where job_id = any (v_paused) and status = 'PAUSED';
    return v_job_ids;
end
$$;
