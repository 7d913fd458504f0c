-- delete_beat: deletes a heartbeat of the transaction's workspace: its token is no longer valid, and its name
-- is free. Its pings and ticks are deleted in steps (delete_beats). Locks its row but not its pointer's: in a
-- long transaction, such as an apply, no ping has to wait for the commit.
-- Returns: whether it existed.
-- Raises: KR014 if If-Match does not name its version.
create or replace function kronos.delete_beat(p_name text, p_if_match integer[]) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_beat kronos.beats;
begin
    select * into v_beat
      from kronos.beats as beat
     where beat.workspace_id = kronos.current_workspace_id() and beat.name = p_name
       and beat.deleted_at is null
       for no key update;
    perform kronos.match_version('the heartbeat is', v_beat.version, p_if_match) where p_if_match is not null;
    update kronos.beats as beat
       set deleted_at = kronos.now(), updated_at = kronos.now()
     where beat.heartbeat_id = v_beat.heartbeat_id;
    return v_beat.heartbeat_id is not null;
end
$$;
