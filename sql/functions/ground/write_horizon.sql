-- write_horizon: the number of the oldest transaction that this statement may not see: what is written by it,
-- or by any that is younger, is looked for by a later look.
create or replace function kronos.write_horizon() returns bigint
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint
$$;
