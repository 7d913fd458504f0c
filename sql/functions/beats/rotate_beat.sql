-- rotate_beat: gives a heartbeat of the transaction's workspace a new token; the old one is no longer valid.
-- Locks the pointer's row.
-- Returns: its version; null if there is none.
create or replace function kronos.rotate_beat(p_name text, p_token_sha256 bytea) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_beat kronos.beats := kronos.lock_beat(p_name);
begin
    update kronos.beats as beat
       set token_sha256 = p_token_sha256, token_version = beat.token_version + 1, version = beat.version + 1,
           updated_at = kronos.clock()
     where beat.heartbeat_id = v_beat.heartbeat_id
    returning * into v_beat;
    return v_beat.version;
end
$$;
