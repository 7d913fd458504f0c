-- lock_gate: locks the gate of the endpoint of this name in the transaction's workspace.
-- Returns: the gate; null if there is no such endpoint.
create or replace function kronos.lock_gate(p_name text) returns kronos.endpoint_gate
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    select gate
      from kronos.endpoint_gate as gate
     where gate.endpoint_id = (select endpoint.endpoint_id
                                 from kronos.endpoints as endpoint
                                where endpoint.workspace_id = kronos.current_workspace_id()
                                  and endpoint.name = p_name
                                  and endpoint.deleted_at is null)
       for no key update
$$;
