-- revoke_sql: revokes the privileges given by grant_sql. Other privileges of the role stay, and so does its
-- use of the schema if it has any. Safe to run again, also when the role no longer exists.
-- Returns: whether the role had that workspace.
-- Raises: KR024 if it has another workspace.
create or replace function kronos.revoke_sql(p_workspace text, p_role text) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid;
    v_slug         text;
begin
    select workspace.workspace_id, workspace.slug into v_workspace_id, v_slug
      from kronos.sql_grants as granted
      join kronos.workspaces as workspace using (workspace_id)
     where granted.role_name = p_role;
    if not found then
        return false;
    elsif p_workspace not in (v_slug, v_workspace_id::text) then
        raise sqlstate 'KR024' using
            message = format('role %s creates jobs in workspace %s, not in %s', p_role, v_slug, p_workspace),
            hint = format('Run `kronos workspace revoke-sql %s %s`.', v_slug, p_role);
    end if;
    delete from kronos.sql_grants where role_name = p_role;
    if to_regrole(quote_ident(p_role)) is not null then
        execute format('revoke execute on function '
                       'kronos.enqueue(text, jsonb, timestamptz, text, text, text[], text, jsonb, jsonb,'
                       ' integer, integer), '
                       'kronos.enqueue_many(jsonb) from %I', p_role);
        if not exists (select from pg_class as class, aclexplode(class.relacl) as granted
                        where class.relnamespace = 'kronos'::regnamespace
                          and granted.grantee = to_regrole(quote_ident(p_role))
                        union all
                       select from pg_proc as proc, aclexplode(proc.proacl) as granted
                        where proc.pronamespace = 'kronos'::regnamespace
                          and granted.grantee = to_regrole(quote_ident(p_role))) then
            execute format('revoke usage on schema kronos from %I', p_role);
        end if;
    end if;
    return true;
end
$$;
