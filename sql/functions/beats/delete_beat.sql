-- delete_beat: a heartbeat of the transaction's workspace is no more: its token is none, and its name free.
-- What it said and its ticks go in steps (delete_beats). Holds its row, and not its pointer's: in a long
-- transaction, as an apply, no ping waits for what becomes of it.
-- Returns: whether there was one.   Raises: KR014 where If-Match does not name its version.
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
