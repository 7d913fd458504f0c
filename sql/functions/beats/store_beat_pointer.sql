-- store_beat_pointer: writes a heartbeat's pointer. The caller holds the lock on its row. In plpgsql, which
-- keeps the plan: account_beats calls it thousands of times.
create or replace function kronos.store_beat_pointer(p_pointer kronos.beat_pointers) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = auto
as $$
begin
    update kronos.beat_pointers
       set next_tick_at = p_pointer.next_tick_at,
           opens_at = p_pointer.opens_at,
           due_at = p_pointer.due_at,
           last_tick_at = p_pointer.last_tick_at,
           last_status = p_pointer.last_status,
           last_ping_at = p_pointer.last_ping_at,
           last_success_at = p_pointer.last_success_at,
           last_duration_ms = p_pointer.last_duration_ms,
           run_started_at = p_pointer.run_started_at,
           run_tick_at = p_pointer.run_tick_at,
           pings = p_pointer.pings,
           minute_at = p_pointer.minute_at,
           minute_pings = p_pointer.minute_pings
     where heartbeat_id = p_pointer.heartbeat_id;
end
$$;
