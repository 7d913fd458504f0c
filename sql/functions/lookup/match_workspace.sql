-- match_workspace: match_version for the transaction's workspace, called before it is suspended, resumed or
-- deleted. Without versions (null) any version matches, and nothing is locked.
-- Lock order: the workspace's lock, as every session that suspends, resumes or deletes it does, then its row.
-- Returns: its version; null if no versions were given, or if the workspace is deleted.
-- Raises: KR014 if it is at another version.
create or replace function kronos.match_workspace(p_versions integer[]) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
begin
    if p_versions is null then
        return null;
    end if;
    perform pg_advisory_xact_lock(kronos.workspace_lock(kronos.current_workspace_id()));
    select version into v_version
      from kronos.workspaces
     where workspace_id = kronos.current_workspace_id() and status <> 'DELETED'
       for no key update;
    return kronos.match_version('the workspace is', v_version, p_versions);
end
$$;
