-- lock_beat: locks a heartbeat of the transaction's workspace. The pointer's row is first: a ping in progress
-- finishes before, and the next ping sees the result. Then the heartbeat's own row, the only one that
-- delete_beat locks. If another heartbeat of this name took its place during the wait, that one is locked.
-- Returns: its row; null if there is none.
create or replace function kronos.lock_beat(p_name text) returns kronos.beats
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_beat      kronos.beats;
    v_locked_id uuid;
begin
    loop
        select beat.heartbeat_id into v_locked_id
          from kronos.beats as beat
          join kronos.beat_pointers as pointer using (heartbeat_id)
         where beat.workspace_id = kronos.current_workspace_id() and beat.name = p_name
           and beat.deleted_at is null
           for update of pointer;
        select * into v_beat
          from kronos.beats as beat
         where beat.workspace_id = kronos.current_workspace_id() and beat.name = p_name
           and beat.deleted_at is null
           for no key update;
        exit when v_beat.heartbeat_id is not distinct from v_locked_id;
    end loop;
    return v_beat;
end
$$;
