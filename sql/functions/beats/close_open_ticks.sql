-- close_open_ticks: records the ticks of a heartbeat up to now that are not accounted for as SKIPPED, for
-- p_reason, because the heartbeat is changed or resumed. From then on no ping changes an older tick. The
-- caller holds the lock on the pointer's row.
-- Returns: the pointer.
create or replace function kronos.close_open_ticks(p_beat kronos.beats, p_pointer kronos.beat_pointers,
                                                   p_now timestamptz, p_reason text)
returns kronos.beat_pointers
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_open record := kronos.beat_ticks_upto(p_beat, p_pointer.next_tick_at, p_now);
begin
    if v_open.ticks > 0 then
        insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, reason, tick_count,
                                       until_at, changed_at)
        values (p_beat.heartbeat_id, p_pointer.next_tick_at, p_beat.workspace_id, 'SKIPPED', p_reason,
                v_open.ticks, v_open.last_tick, p_now)
            on conflict (heartbeat_id, tick_at) do nothing;
    end if;
    p_pointer.last_tick_at := null;
    return p_pointer;
end
$$;
