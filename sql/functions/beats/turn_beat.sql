-- turn_beat: pauses or resumes a heartbeat of the transaction's workspace. While it is paused, pings are kept
-- and no tick is expected; those ticks are recorded as SKIPPED, in one row, when it resumes. If it already
-- has that status, nothing changes. Locks the pointer's row.
-- Returns: its version; null if there is none.
create or replace function kronos.turn_beat(p_name text, p_status text, p_note text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_old     kronos.beats := kronos.lock_beat(p_name);
    v_new     kronos.beats;
    v_pointer kronos.beat_pointers;
    v_now     constant timestamptz := kronos.clock();
begin
    if v_old.heartbeat_id is null or v_old.status = p_status then
        return v_old.version;
    end if;
    update kronos.beats as beat
       set status = p_status, note = p_note, version = beat.version + 1, updated_at = v_now
     where beat.heartbeat_id = v_old.heartbeat_id
    returning * into v_new;
    select * into v_pointer from kronos.beat_pointers as pointer
     where pointer.heartbeat_id = v_old.heartbeat_id;
    if p_status = 'PAUSED' then
        v_pointer := kronos.account_beat(v_old, v_pointer, v_now);
    else
        v_pointer := kronos.close_open_ticks(v_old, v_pointer, v_now, 'paused');
        v_pointer.next_tick_at := kronos.beat_tick_after(v_new, v_now);
    end if;
    perform kronos.store_beat_pointer(kronos.awaiting_tick(v_new, v_pointer, v_pointer.next_tick_at));
    return v_new.version;
end
$$;
