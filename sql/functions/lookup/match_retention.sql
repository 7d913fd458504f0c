-- match_retention: match_version for the retention ages of the transaction's workspace, called before they
-- are set. A workspace without its own ages is at version 1. Any version matches if p_versions is null.
-- Locks: the workspace's lock, as every session that sets its ages does.
-- Returns: their version; null if no versions were given, or if the transaction has no workspace.
-- Raises: KR014 if they are at another version.
create or replace function kronos.match_retention(p_versions integer[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid := kronos.current_workspace_id();
    v_version      integer;
begin
    if p_versions is null or v_workspace_id is null then
        return null;
    end if;
    perform pg_advisory_xact_lock(kronos.workspace_lock(v_workspace_id));
    select version into v_version from kronos.workspace_retention where workspace_id = v_workspace_id;
    return kronos.match_version('the ages are', coalesce(v_version, 1), p_versions);
end
$$;
