-- grant_sql: lets a database role create jobs in a workspace through enqueue and enqueue_many, and nothing
-- else. Safe to run again.
-- Returns: the workspace's slug.
-- Raises: KR024 if the workspace or the role does not exist; if the role belongs to Kronos, is a superuser,
-- bypasses row level security or cannot log in; or if it has another workspace.
create or replace function kronos.grant_sql(p_workspace text, p_role text) returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace record;
    v_role      record;
    v_other     text;
begin
    select workspace_id, slug into v_workspace from kronos.find_workspace(p_workspace);
    if not found then
        raise sqlstate 'KR024' using message = format('no workspace %s', p_workspace),
                                     hint = 'List the workspaces: `kronos workspace ls`.';
    end if;
    select rolname, rolcanlogin, rolsuper, rolbypassrls into v_role from pg_roles where rolname = p_role;
    if not found then
        raise sqlstate 'KR024' using message = format('role %s does not exist', p_role),
                                     hint = format('Create it first: `create role %I login`.', p_role);
    elsif starts_with(p_role, 'kronos_') or v_role.rolsuper or v_role.rolbypassrls then
        raise sqlstate 'KR024' using
            message = format('role %s belongs to Kronos, is a superuser or bypasses row level security',
                             p_role),
            hint = 'Name the role that the application logs in as, with neither superuser nor bypassrls.';
    elsif not v_role.rolcanlogin then
        raise sqlstate 'KR024' using
            message = format('role %s cannot log in: the role that a session logs in as creates the jobs',
                             p_role),
            hint = format('Name the members of %s that can log in.', p_role);
    end if;
    select workspace.slug into v_other
      from kronos.sql_grants as granted
      join kronos.workspaces as workspace using (workspace_id)
     where granted.role_name = p_role
       and workspace.status <> 'DELETED'
       and workspace.workspace_id <> v_workspace.workspace_id;
    if found then
        raise sqlstate 'KR024' using
            message = format('role %s creates jobs in workspace %s, and a role has one workspace', p_role,
                             v_other),
            hint = format('Revoke that first: `kronos workspace revoke-sql %s %s`.', v_other, p_role);
    end if;
    insert into kronos.sql_grants (role_name, workspace_id)
    values (p_role, v_workspace.workspace_id)
        on conflict (role_name)
                    do update set workspace_id = excluded.workspace_id, granted_at = kronos.now();
    perform kronos.grant_enqueue(p_role);
    return v_workspace.slug;
end
$$;
