-- granted_roles: the permissions of people in these groups, by workspace; several rows for a workspace in
-- which several groups have a role.
create or replace function kronos.granted_roles(p_groups text[])
returns table (workspace_id uuid, workspace text, role text, sees_payloads boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select mapping.workspace_id, workspace.slug, mapping.role, mapping.sees_payloads
      from kronos.role_mappings as mapping
      join kronos.workspaces as workspace using (workspace_id)
     where mapping.group_name = any (p_groups) and workspace.status <> 'DELETED'
$$;
