-- cancel_execution: cancels an unfinished execution of the transaction's workspace (cancel_executions). One
-- that waits becomes CANCELLED; one that a worker is delivering gets no other attempt, and its request is
-- aborted. Recorded in the audit.
-- Returns: whether it was unfinished.
create or replace function kronos.cancel_execution(p_execution_id uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_live kronos.execution_live;
begin
    select * into v_live
      from kronos.execution_live
     where execution_id = p_execution_id
       and workspace_id = kronos.current_workspace_id()
       for update;
    if not found then
        return false;
    end if;
    if v_live.cancel_reason is null then
        perform kronos.note_execution(v_live.workspace_id, 'cancel', p_execution_id,
                                      (select name from kronos.jobs where job_id = v_live.job_id),
                                      jsonb_build_object('job_id', v_live.job_id));
    end if;
    perform kronos.cancel_executions(array[p_execution_id],
                                     jsonb_build_object('code', 'cancelled',
                                                        'detail', 'cancelled over the API'));
    return true;
end
$$;
