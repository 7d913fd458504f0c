-- match_workspace: match_version of the transaction's workspace. Without versions (null) any will do, and
-- nothing is locked. Asked before it is suspended, resumed or deleted.   Returns: its version; null where
-- none was asked for, or it is deleted.
-- Raises: KR014 where it is at another version.   Lock order: the workspace's lock, as each session that
-- suspends, resumes or deletes it has it, then its row.
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
