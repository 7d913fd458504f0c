-- write_horizon: the number of the oldest transaction that this statement may not see. Rows written by it or
-- by a younger one must be read again later.
create or replace function kronos.write_horizon() returns bigint
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint
$$;
