-- match_endpoint: match_version of an endpoint of the transaction's workspace. Without versions (null) any
-- will do, and nothing is locked. Asked before it is deleted.   Returns: its version; null where none was
-- asked for, or there is no such endpoint.
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
    return kronos.match_version('the endpoint is', v_version, p_versions);
end
$$;
