-- forget_beat: nothing more is expected of a deleted heartbeat, neither its next tick nor the end of a run.
-- The caller holds the lock on the pointer's row.
create or replace function kronos.forget_beat(p_heartbeat_id uuid) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    delete from kronos.beat_ticks as run
     where run.heartbeat_id = p_heartbeat_id and run.status = 'RUNNING';
    update kronos.beat_pointers as pointer
       set due_at = 'infinity', next_tick_at = 'infinity'
     where pointer.heartbeat_id = p_heartbeat_id
$$;
