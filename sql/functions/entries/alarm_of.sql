-- alarm_of: locks the job's workspace, shared, until the transaction ends, so that nobody suspends or resumes it; and
-- reads the pg_cron schedule that the job must be registered with, which is all that kronos_cron can learn of a job.
-- Returns: null unless the job is an ACTIVE CRON job of an ACTIVE workspace.
-- Volatile: it must see the row that the calling statement has just written.
-- plpgsql, not sql: it keeps its plan.
create or replace function kronos.alarm_of(p_job_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock_shared(kronos.workspace_lock(job.workspace_id)) from kronos.jobs as job where job.job_id = p_job_id;
    return (select job.alarm
              from kronos.jobs as job
              join kronos.workspaces as workspace using (workspace_id)
             where job.job_id = p_job_id
               and job.status = 'ACTIVE'
               and job.trigger = 'CRON'
               and workspace.status = 'ACTIVE');
end
$$;
