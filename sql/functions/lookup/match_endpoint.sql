-- match_endpoint: match_version for an endpoint of the transaction's workspace, called before it is deleted.
-- Without versions (null) any version matches, and nothing is locked.
-- Returns: its version; null if no versions were given, or if there is no such endpoint.
-- Raises: KR014 if it is at another version.
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
    return kronos.match_version('the endpoint is', v_version, p_versions);
end
$$;
