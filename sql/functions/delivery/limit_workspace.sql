-- limit_workspace: gives a workspace with a limit a gate, which begins with what its endpoints' gates count;
-- when the limit is removed, so is the gate. Meanwhile all its endpoints' gates are locked, ids ascending, so
-- that no session claims, finishes or releases. Workers check again immediately.
create or replace function kronos.limit_workspace() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    if new.max_concurrency is null then
        delete from kronos.workspace_gate where workspace_id = new.workspace_id;
    elsif not exists (select from kronos.workspace_gate where workspace_id = new.workspace_id) then
        perform
           from kronos.endpoints as endpoint
           join kronos.endpoint_gate as gate on gate.endpoint_id = endpoint.endpoint_id
          where endpoint.workspace_id = new.workspace_id
          order by gate.endpoint_id
            for update of gate;
        insert into kronos.workspace_gate (workspace_id, in_flight)
        select new.workspace_id, coalesce(sum(gate.in_flight), 0)
          from kronos.endpoints as endpoint
          join kronos.endpoint_gate as gate on gate.endpoint_id = endpoint.endpoint_id
         where endpoint.workspace_id = new.workspace_id;
    end if;
    perform pg_notify('kronos_work', 'limits');
    return null;
end
$$;
create or replace trigger workspaces_are_limited
    after update of max_concurrency on kronos.workspaces
    for each row when (old.max_concurrency is distinct from new.max_concurrency)
    execute function kronos.limit_workspace();
create or replace trigger workspaces_begin_limited
    after insert on kronos.workspaces
    for each row when (new.max_concurrency is not null)
    execute function kronos.limit_workspace();
