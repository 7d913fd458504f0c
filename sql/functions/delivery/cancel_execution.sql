-- cancel_execution: cancels an unfinished execution of the transaction's workspace (cancel_executions): one
-- that waits is CANCELLED, one that a worker is at work on gets no other attempt, and its request is ended.
-- As the caller, so row level security holds.
-- Returns: whether it was unfinished.
create or replace function kronos.cancel_execution(p_execution_id uuid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    perform from kronos.execution_live
      where execution_id = p_execution_id
        and workspace_id = kronos.current_workspace_id()
        for update;
    if not found then
        return false;
    end if;
    perform kronos.cancel_executions(array[p_execution_id],
                                     jsonb_build_object('code', 'cancelled',
                                                        'detail', 'cancelled over the API'));
    return true;
end
$$;
