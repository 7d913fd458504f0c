-- find_workspace: a workspace by slug or by id; a deleted one is not there. The way in, before row level security knows the workspace.
-- Called by: queries/workspaces.sql (enter_workspace).
create or replace function kronos.find_workspace(p_workspace text) returns table (workspace_id uuid, slug text, status text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select workspace.workspace_id, workspace.slug, workspace.status
      from kronos.workspaces as workspace
     where workspace.status <> 'DELETED'
       and workspace.slug = p_workspace
    union all
    select workspace.workspace_id, workspace.slug, workspace.status
      from kronos.workspaces as workspace
     where workspace.status <> 'DELETED'
       and workspace.workspace_id = case when p_workspace ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_workspace::uuid end
       and workspace.slug <> p_workspace
$$;
