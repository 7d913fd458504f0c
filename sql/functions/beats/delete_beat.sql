-- delete_beat: a heartbeat of the transaction's workspace is no more: its token is none, and its name free.
-- What it said and its ticks go in steps (delete_beats). Holds the pointer's row.
-- Returns: whether there was one.   Raises: KR014 where If-Match does not name its version.
create or replace function kronos.delete_beat(p_name text, p_if_match integer[]) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_beat kronos.beats := kronos.lock_beat(p_name);
begin
    perform kronos.match_version('the heartbeat is', v_beat.version, p_if_match) where p_if_match is not null;
    update kronos.beats as beat
       set deleted_at = kronos.now(), updated_at = kronos.now()
     where beat.heartbeat_id = v_beat.heartbeat_id;
    update kronos.beat_pointers as pointer
       set due_at = 'infinity', next_tick_at = 'infinity'
     where pointer.heartbeat_id = v_beat.heartbeat_id;
    return v_beat.heartbeat_id is not null;
end
$$;
