-- lock_beat: a heartbeat of the transaction's workspace, with its pointer's row locked first: a ping that is
-- under way ends before, and the next one finds what comes of it; then its own, which who deletes it holds
-- alone (delete_beat). Where another of this name has come in its
-- place while it waited, it locks that one's.
-- Returns: its row; null where there is none.
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
