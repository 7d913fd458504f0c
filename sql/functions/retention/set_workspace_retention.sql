-- set_workspace_retention: set_retention for the workspace that the transaction has entered.
create or replace function kronos.set_workspace_retention(p_success_days integer, p_failure_days integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select kronos.set_retention(workspace.workspace_id, p_success_days, p_failure_days)
      from kronos.workspaces as workspace
     where workspace.workspace_id = kronos.current_workspace_id()
$$;
