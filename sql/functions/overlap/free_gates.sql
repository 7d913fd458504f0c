-- free_gates: locks the gates that count executions of one workspace under way, and the workspace's gate,
-- which counts them too (count_in_workspaces), as far as no other session has them locked.
-- Returns: the endpoints whose gates the caller may change without waiting.
create or replace function kronos.free_gates(p_execution_ids uuid[]) returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_workspace_id uuid;
    v_gates constant uuid[] := array(
        select endpoint_id
          from kronos.endpoint_gate
         where endpoint_id in (select endpoint_id
                                 from kronos.execution_live
                                where execution_id = any (p_execution_ids) and holds_slot)
           for update skip locked);
begin
    if v_gates = '{}' then
        return v_gates;
    end if;
    select workspace_id into v_workspace_id from kronos.endpoint_gate where endpoint_id = v_gates[1];
    perform from kronos.workspace_gate where workspace_id = v_workspace_id for update skip locked;
    if not found and exists (select from kronos.workspace_gate where workspace_id = v_workspace_id) then
        return '{}';
    end if;
    return v_gates;
end
$$;
