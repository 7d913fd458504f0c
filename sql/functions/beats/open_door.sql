-- open_door: who makes the first heartbeat that there is can receive pings: the time before, in which nobody
-- said so, is no gap. Before its row is there: another that makes one waits here, and has no name meanwhile
-- that this one may want.
create or replace function kronos.open_door() returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    update kronos.ping_door
       set open_until = greatest(open_until, kronos.clock())
     where not exists (select from kronos.beats as beat where beat.deleted_at is null)
$$;
