-- set_workspace_retention: set_retention for the workspace that the transaction has entered.
-- Locks: the workspace's lock, so that no other session comes between match_retention and the ages.
create or replace function kronos.set_workspace_retention(p_success_days integer, p_failure_days integer)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(kronos.workspace_lock(kronos.current_workspace_id()));
    perform kronos.set_retention(workspace.workspace_id, p_success_days, p_failure_days)
       from kronos.workspaces as workspace
      where workspace.workspace_id = kronos.current_workspace_id();
end
$$;
