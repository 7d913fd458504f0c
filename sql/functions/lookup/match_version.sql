-- match_version: limits a change to the versions that it is meant for (If-Match). The caller has locked the
-- object, so that nothing changes it until the transaction ends.
-- Returns: the version; null if there is no such object.
-- Raises: KR014 if it is another version.
create or replace function kronos.match_version(p_what text, p_version integer, p_versions integer[])
returns integer
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_version <> all (p_versions) then
        raise sqlstate 'KR014' using
            message = format('%s at version %s, which If-Match does not name: read it and decide again',
                             p_what, p_version);
    end if;
    return p_version;
end
$$;
