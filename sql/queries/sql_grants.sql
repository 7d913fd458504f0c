-- name: insert_grant
-- The slug of the workspace in which the role creates jobs from now on.
select kronos.grant_sql(%(workspace)s, %(role)s) as workspace;

-- name: delete_grant
select kronos.revoke_sql(%(workspace)s, %(role)s) as had_it;

-- name: list_grants
select granted.role_name, workspace.slug as workspace, granted.granted_at,
       exists (select from pg_roles as role where role.rolname = granted.role_name) as is_there
  from kronos.sql_grants as granted
  join kronos.workspaces as workspace using (workspace_id)
 where workspace.status <> 'DELETED'
 order by granted.role_name;
