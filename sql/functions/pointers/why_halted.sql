-- why_halted: why a live job's ticks are skipped instead of run: it is paused (by whom, since when, with
-- which note), or its workspace is not ACTIVE.
-- Returns: null if nothing halts it.
create or replace function kronos.why_halted(p_job kronos.jobs) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when p_job.status = 'PAUSED'
                then coalesce(p_job.status_reason, '{}') || jsonb_build_object('code', 'paused',
                                                                               'detail', 'the job was paused')
                when workspace.status <> 'ACTIVE'
                then kronos.suspension_reason(workspace.suspended_at)
           end
      from kronos.workspaces as workspace
     where workspace.workspace_id = p_job.workspace_id
$$;
