-- count_in_workspaces: counts in the workspaces' gates, if there are any, what the endpoints' gates count: in
-- the same transaction, whatever claims, finishes, releases or expires. Workspaces are locked in ascending
-- order, after the gates. It is called for each gate that was changed, so that a statement that changes none
-- costs nothing (a trigger per statement cost a batch of ten retries 6 %); the first call counts for all.
create or replace function kronos.count_in_workspaces() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
begin
    if not exists (select from kronos.workspace_gate) then
        return null;      -- no workspace has a limit: saves 0.1 ms per claim, and per batch of results
    end if;
    if new.endpoint_id <> (select changed.endpoint_id
                             from after as changed
                             join before on before.endpoint_id = changed.endpoint_id
                            where changed.in_flight <> before.in_flight
                            order by changed.endpoint_id
                            limit 1) then
        return null;
    end if;
    with change as materialized (
        select after.workspace_id, sum(after.in_flight - before.in_flight)::integer as executions
          from after
          join before on before.endpoint_id = after.endpoint_id
         group by after.workspace_id
         order by after.workspace_id
    ), locked as materialized (
        select change.workspace_id, change.executions
          from change
         cross join lateral (select
                               from kronos.workspace_gate as gate
                              where gate.workspace_id = change.workspace_id
                                for update) as gate
    )
    update kronos.workspace_gate as gate
       set in_flight = gate.in_flight + locked.executions
      from locked
     where gate.workspace_id = locked.workspace_id;
    return null;
end
$$;
create or replace trigger endpoint_gate_counts_in_workspaces
    after update on kronos.endpoint_gate referencing old table as before new table as after
    for each row when (old.in_flight <> new.in_flight)
    execute function kronos.count_in_workspaces();
