-- note_made: records in the audit the executions that a statement of the API has just created by hand: runs
-- of jobs and tests of endpoints (note_execution). It records only executions that this transaction created
-- in its workspace. A test belongs to no job, so it is counted here if the workspace has quotas (runs of
-- jobs: require_job).
-- Returns: the number recorded.
-- Raises: KR040, KR041.
create or replace function kronos.note_made(p_execution_ids uuid[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_made  record;
    v_count integer := 0;
begin
    for v_made in
        select live.workspace_id, live.execution_id, live.job_id, live.priority, live.input, job.name as job,
               endpoint.name as endpoint, kronos.is_test(live.execution_id) as is_test
          from kronos.execution_live as live
          join kronos.endpoints as endpoint using (endpoint_id)
          left join kronos.jobs as job on job.job_id = live.job_id
         where live.execution_id = any (p_execution_ids)
           and live.workspace_id = kronos.current_workspace_id()
           and live.xmin = pg_current_xact_id()::xid
           and (live.cause = 'MANUAL' or kronos.is_test(live.execution_id))
    loop
        if v_made.is_test and current_setting('kronos.quotas', true) = 'on' then
            perform kronos.count_run(v_made.workspace_id, v_made.input);
        end if;
        perform kronos.note_execution(
            v_made.workspace_id, case when v_made.is_test then 'test' else 'trigger' end, v_made.execution_id,
            case when v_made.is_test then v_made.endpoint else v_made.job end,
            jsonb_build_object('job_id', case when not v_made.is_test then v_made.job_id end,
                               'endpoint', v_made.endpoint, 'priority', v_made.priority));
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
