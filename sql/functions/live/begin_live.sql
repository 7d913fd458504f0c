-- begin_live: of the workspaces that have come to be watched, which watch_live has committed, everything is
-- noted from here on.
create or replace function kronos.begin_live() returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update kronos.live_watches set since = pg_snapshot_xmax(pg_current_snapshot()) where since is null
$$;
