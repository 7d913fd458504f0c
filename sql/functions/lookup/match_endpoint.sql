-- match_endpoint: an endpoint of the transaction's workspace, for a change that is meant for certain versions of it only (If-Match; null: for any, and nothing
-- is locked). Nobody else changes it until the transaction ends.
-- Asked before it is deleted.   Returns: its version; null where none was asked for, or there is no such endpoint.
-- Raises: KR014 where it is at another version.
create or replace function kronos.match_endpoint(p_name text, p_versions integer[]) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
begin
    if p_versions is null then
        return null;
    end if;
    select version into v_version
      from kronos.endpoints
     where workspace_id = kronos.current_workspace_id() and name = p_name and deleted_at is null
       for no key update;
    if v_version <> all (p_versions) then
        raise sqlstate 'KR014' using message = format('the endpoint is at version %s, which If-Match does not name: read it and decide again', v_version);
    end if;
    return v_version;
end
$$;
