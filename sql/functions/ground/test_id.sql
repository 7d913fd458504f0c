-- test_id: the id of an execution that only tests an endpoint: as uuid7, but of version 8 (RFC 9562: for
-- custom use), which identifies it as a test wherever it is stored (is_test).
-- Returns: a new id each time.
create or replace function kronos.test_id(p_at timestamptz) returns uuid
language sql volatile parallel safe set search_path = pg_catalog, pg_temp
as $$
    select overlay(kronos.uuid7(p_at)::text placing '8' from 15)::uuid
$$;
