-- cancel_runs: ends the unfinished executions of versions of a job that was cancelled. Up to a thousand are
-- ended immediately. If there are more, the versions are recorded (cancelled_jobs), so that none of their
-- executions is claimed from the commit on, and cancel_some ends them in steps; the setting
-- kronos.has_runs_left tells the rest of the transaction. Called after the job's row was written, because no
-- executions are added then.
-- Lock order: the executions, ids ascending. The caller holds the job's row.
create or replace function kronos.cancel_runs(p_job_ids uuid[], p_reason jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 1000;
    v_workspace_id constant uuid := kronos.current_workspace_id();      -- null: by hand
    v_execution_ids constant uuid[] := array(
        select live.execution_id
          from kronos.execution_live as live
         where live.job_id = any (p_job_ids) and live.job_id <> live.execution_id
           and live.workspace_id = coalesce(v_workspace_id, live.workspace_id)
         limit c_at_once + 1);
begin
    if cardinality(v_execution_ids) <= c_at_once then
        perform kronos.cancel_held(v_execution_ids);
        perform kronos.cancel_executions(v_execution_ids, p_reason);
        return;
    end if;
    insert into kronos.cancelled_jobs (job_id, workspace_id, first_version_id, reason, cancelled_at)
    select version.job_id, version.workspace_id, version.first_version_id, p_reason, kronos.clock()
      from kronos.jobs as version
     where version.job_id = any (p_job_ids)
       and version.workspace_id = coalesce(v_workspace_id, version.workspace_id)
       and exists (select from kronos.execution_live as live
                    where live.job_id = version.job_id and live.job_id <> live.execution_id)
        on conflict (job_id) do nothing;
    perform set_config('kronos.has_runs_left', 'on', true);
end
$$;
