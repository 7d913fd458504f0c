-- lock_jobs: locks the workspace's CRON jobs that are ACTIVE, in the order of their ids, until the transaction ends. One whose pause has run out is
-- one of them: its pause ends here.
-- Called by: suspend_workspace, resume_workspace, which hold the workspace's lock.   Returns: their ids, ascending.
create or replace function kronos.lock_jobs(p_workspace_id uuid) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id  uuid;
    v_job_ids uuid[] := '{}';
    v_paused  boolean;
begin
    for v_job_id, v_paused in
        select job.job_id, job.status = 'PAUSED'
          from kronos.jobs as job
         where job.workspace_id = p_workspace_id
           and job.trigger = 'CRON'
           and (job.status = 'ACTIVE' or (job.status = 'PAUSED' and job.resume_at <= clock_timestamp()))
         order by job.job_id
           for update
    loop
        if v_paused then
            perform kronos.end_pause(v_job_id);
        end if;
        v_job_ids := v_job_ids || v_job_id;
    end loop;
    return v_job_ids;
end
$$;
