-- grant_sql: lets a database role make jobs of a workspace by enqueue and enqueue_many, and nothing else.
-- Safe to run again.
-- Returns: the workspace's slug, as the role's name is written.
-- Raises: KR024 where there is no such workspace or role, the role is Kronos's own, cannot log in, or has
-- another workspace.
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
        raise sqlstate 'KR024' using message = format('there is no workspace %s', p_workspace),
                                     hint = 'see kronos workspace ls';
    end if;
    select rolname, rolcanlogin, rolsuper, rolbypassrls into v_role from pg_roles where rolname = p_role;
    if not found then
        raise sqlstate 'KR024' using message = format('there is no role %s', p_role),
                                     hint = format('create it first: create role %I login', p_role);
    elsif starts_with(p_role, 'kronos_') or v_role.rolsuper or v_role.rolbypassrls then
        raise sqlstate 'KR024' using
            message = format('role %s is Kronos''s own, a superuser, or past row level security', p_role),
            hint = 'name the role that the application logs in as, without superuser and bypassrls';
    elsif not v_role.rolcanlogin then
        raise sqlstate 'KR024' using
            message = format('role %s cannot log in: jobs are made by the role that a session logged in as',
                             p_role),
            hint = format('name the members of %s that log in', p_role);
    end if;
    select workspace.slug into v_other
      from kronos.sql_grants as granted
      join kronos.workspaces as workspace using (workspace_id)
     where granted.role_name = p_role
       and workspace.status <> 'DELETED'
       and workspace.workspace_id <> v_workspace.workspace_id;
    if found then
        raise sqlstate 'KR024' using
            message = format('role %s makes jobs of workspace %s, and a role has one workspace', p_role,
                             v_other),
            hint = format('end that first: kronos workspace revoke-sql %s %s', v_other, p_role);
    end if;
    insert into kronos.sql_grants (role_name, workspace_id)
    values (p_role, v_workspace.workspace_id)
        on conflict (role_name)
                    do update set workspace_id = excluded.workspace_id, granted_at = kronos.now();
    perform kronos.grant_enqueue(p_role);
    return v_workspace.slug;
end
$$;
