-- match_version: holds a change to the versions that it is meant for (If-Match). Its callers have locked what
-- the version is of, so that nobody changes it until the transaction ends.
-- Returns: the version; null where there is no such thing.   Raises: KR014 where it is another.
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
