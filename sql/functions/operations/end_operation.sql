-- end_operation: ends a RUNNING operation with the given status and reason; one that has ended is unchanged.
-- Returns: whether it was RUNNING.
create or replace function kronos.end_operation(p_operation_id uuid, p_status text, p_reason jsonb)
returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    update kronos.operations
       set status = p_status, status_reason = p_reason, completed_at = kronos.clock()
     where operation_id = p_operation_id
       and status = 'RUNNING';
    return found;
end
$$;
