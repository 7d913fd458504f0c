-- open_door: whoever makes the only heartbeat that there is can receive pings: the time before, in which
-- nobody said so, is no gap. The one made just now is among them.
create or replace function kronos.open_door() returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    update kronos.ping_door
       set open_until = greatest(open_until, kronos.clock())
     where (select count(*) from (select from kronos.beats as beat
                                   where beat.deleted_at is null
                                   limit 2) as made) = 1
$$;
