-- enter_granted_workspace: makes the transaction work for the workspace of the role that logged in
-- (session_user, which no statement of that role can change). The caller ends that.
-- Returns: the workspace's slug.
-- Raises: 42501 if the role has no workspace; KR023 if the workspace is not ACTIVE.
create or replace function kronos.enter_granted_workspace() returns text
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid;
    v_slug         text;
    v_status       text;
    v_has_quotas   boolean;
begin
    select workspace.workspace_id, workspace.slug, workspace.status,
           num_nonnulls(workspace.max_executions_per_day, workspace.max_input_bytes) > 0
      into v_workspace_id, v_slug, v_status, v_has_quotas
      from kronos.sql_grants as granted
      join kronos.workspaces as workspace on workspace.workspace_id = granted.workspace_id
     where granted.role_name = session_user
       and workspace.status <> 'DELETED';
    if v_workspace_id is null then
        raise insufficient_privilege using
            message = format('role %s cannot create jobs: it has no workspace', session_user),
            hint = format('Run `kronos workspace grant-sql WORKSPACE %s`.', session_user);
    elsif v_status <> 'ACTIVE' then
        raise sqlstate 'KR023' using
            message = format('workspace %s is %s: it accepts no new jobs', v_slug, v_status),
            hint = format('Run `kronos workspace edit %s --status active`.', v_slug);
    end if;
    v_status := set_config('kronos.validated', '', true);    -- nothing was validated, whatever the caller set
    v_status := set_config('kronos.quotas', case when v_has_quotas then 'on' else '' end, true);
    v_status := set_config('kronos.workspace_id', v_workspace_id::text, true);
    return v_slug;
end
$$;
