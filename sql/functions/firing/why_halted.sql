-- why_halted: the reason for which a live job's ticks are skipped and not run: it is paused, or its workspace is not ACTIVE.
-- Called by: settle_ticks, end_jobs, queries/workspaces.sql (resume_jobs).   Returns: null when nothing halts it.
create or replace function kronos.why_halted(p_job kronos.jobs) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when p_job.status = 'PAUSED'         then jsonb_build_object('code', 'paused', 'detail', 'the job was paused')
                when workspace.status <> 'ACTIVE'    then jsonb_build_object('code', 'workspace_suspended', 'detail', 'the workspace was suspended')
           end
      from kronos.workspaces as workspace
     where workspace.workspace_id = p_job.workspace_id
$$;
