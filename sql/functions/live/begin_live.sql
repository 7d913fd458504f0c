-- begin_live: marks the newly watched workspaces, which watch_live has committed, as fully noted from here
-- on.
create or replace function kronos.begin_live() returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update kronos.live_watches set since = pg_snapshot_xmax(pg_current_snapshot()) where since is null
$$;
