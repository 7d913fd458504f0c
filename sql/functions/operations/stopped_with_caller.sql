-- stopped_with_caller: ends an operation as CANCELLED if the caller that began it may no longer do it
-- (caller_ended). Completed work is kept. This function's caller holds the operation locked.
-- Returns: whether it ended it.
create or replace function kronos.stopped_with_caller(p_operation kronos.operations) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_detail constant text := kronos.caller_ended(p_operation.caller, p_operation.workspace_id);
begin
    return v_detail is not null
           and kronos.end_operation(p_operation.operation_id, 'CANCELLED',
                                    jsonb_build_object('code', 'caller_ended', 'detail', v_detail));
end
$$;
