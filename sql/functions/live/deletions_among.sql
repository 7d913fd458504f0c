-- deletions_among: the given operations that are deletions of workspaces, for listeners to the instance's own
-- workspace.
create or replace function kronos.deletions_among(p_operation_ids uuid[]) returns setof kronos.deletions
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select deletion.*
      from kronos.deletions as deletion
     where deletion.operation_id = any (p_operation_ids)
       and kronos.current_workspace_id() = kronos.instance_id()
$$;
