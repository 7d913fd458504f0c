-- match_retention: match_version of the ages of the transaction's workspace; without ages of its own they are
-- at version 1. Any will do where p_versions is null. Asked before they are set.   Returns: their version;
-- null where none was asked for, or no workspace was entered.
-- Raises: KR014 where they are at another version.   Locks: the workspace's lock, as each session that sets
-- its ages has it.
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
