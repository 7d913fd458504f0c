-- resume_job: makes the PAUSED job that settle_ticks has just settled ACTIVE, and registers its entry again
-- unless the workspace is suspended. settle_ticks has recorded the ticks of the pause as skipped.
-- Runs as the caller: row level security applies.
-- Returns: the job and the number of entries created; no row if the job is not PAUSED.
-- Raises: KR041 if a quota has no room for it; pg_cron's errors, unchanged.
create or replace function kronos.resume_job() returns table (job_id uuid, entries integer)
language plpgsql volatile security invoker rows 1 set search_path = pg_catalog, pg_temp
as $$
begin
    update kronos.jobs as job
       set status = 'ACTIVE', status_reason = null, resume_at = null
     where job.job_id = kronos.settled_job_id()
       and job.workspace_id = kronos.current_workspace_id()
       and job.status = 'PAUSED'
    returning job.job_id into job_id;
    if not found then
        return;
    end if;
    entries := 0;
    if exists (select from kronos.workspaces as workspace
                where workspace.workspace_id = kronos.current_workspace_id()
                  and workspace.status = 'ACTIVE') then
        perform kronos.register_pg_cron(job_id);
        entries := 1;
    end if;
    return next;
end
$$;
