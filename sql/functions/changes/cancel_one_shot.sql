-- cancel_one_shot: retires a live one-shot of the transaction's workspace, and cancels its execution. The
-- execution is locked before the job, as when a worker finishes it. A live one-shot without an execution has
-- just been retried by hand, so it is read again. A one-shot without a row in kronos.jobs gets one, because
-- its execution cannot record that the job was cancelled.
-- Runs as the caller: row level security applies.
-- Returns: the job; null if no live one-shot was found.
create or replace function kronos.cancel_one_shot(p_job_id uuid) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_unfinished uuid[];
begin
    perform from kronos.execution_live as live
      where live.execution_id = p_job_id
        and live.job_id = p_job_id
        and live.workspace_id = kronos.current_workspace_id()
        for update;
    if found then
        insert into kronos.jobs select * from kronos.one_shot_rows(array[p_job_id]);
    end if;
    for v_look in 1 .. 3 loop
        v_unfinished := array(select live.execution_id
                                from kronos.execution_live as live
                               where ((live.job_id = p_job_id and live.job_id <> live.execution_id)
                                      or (live.execution_id = p_job_id and live.job_id = p_job_id))
                                 and live.workspace_id = kronos.current_workspace_id()
                               order by live.execution_id
                                 for update);
        perform from kronos.jobs as job
          where job.job_id = p_job_id
            and job.workspace_id = kronos.current_workspace_id()
            and job.trigger <> 'CRON'
            and job.status in ('ACTIVE', 'PAUSED')
            for no key update;
        if not found then
            return null;
        end if;
        exit when v_unfinished <> '{}';
    end loop;
    perform kronos.cancel_executions(v_unfinished, jsonb_build_object('code', 'job_cancelled',
                                                                      'detail', 'its job was cancelled'));
    update kronos.jobs as job
       set status = 'RETIRED', status_reason = jsonb_build_object('code', 'cancelled',
                                                                  'detail', 'cancelled over the API')
     where job.job_id = p_job_id;
    return p_job_id;
end
$$;
