-- lock_gates: locks the gates of these endpoints, and those of their workspaces that count with them, without
-- waiting: for a session that holds other locks.
-- Returns: the endpoints whose slots may be released: no other session holds their gate or their workspace's.
create or replace function kronos.lock_gates(p_endpoint_ids uuid[]) returns uuid[]
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    with gate as materialized (
        select endpoint_id, workspace_id
          from kronos.endpoint_gate
         where endpoint_id = any (p_endpoint_ids)
           for update skip locked
    ), tenant as materialized (
        select workspace_id
          from kronos.workspace_gate
         where workspace_id = any (array(select workspace_id from gate))
           for update skip locked
    )
    select array(select gate.endpoint_id
                   from gate
                  where gate.workspace_id in (select workspace_id from tenant)
                     or not exists (select from kronos.workspace_gate as counted
                                     where counted.workspace_id = gate.workspace_id))
$$;
