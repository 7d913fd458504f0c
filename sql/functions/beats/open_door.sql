-- open_door: when the first heartbeat is created, records that pings can be received now, so that the time
-- before, without such records, is no gap. It is called before the heartbeat's row is inserted: another
-- session that creates one waits here, and does not hold a name meanwhile that this session may want.
create or replace function kronos.open_door() returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    update kronos.ping_door
       set open_until = greatest(open_until, kronos.clock())
     where not exists (select from kronos.beats as beat where beat.deleted_at is null)
$$;
