-- take_ping: takes a ping, identified by the digest of the heartbeat's token, in one statement. It counts for
-- a tick (count_beat_start, count_beat_end), unless the heartbeat is paused. A run that repeats the same
-- report within ten minutes, as a client does that received no response, counts once. Sixty pings per minute
-- are taken. Locks the row of the heartbeat's pointer.
-- Returns: one row. outcome: TAKEN, REPEATED, PAUSED (kept, but not counted), RATE_LIMITED (not kept); null:
-- the token is unknown.
create or replace function kronos.take_ping(p_token_sha256 bytea, p_kind text, p_exit_code smallint,
                                            p_run_id text, p_duration_ms bigint, p_log text,
                                            p_is_log_cut boolean, p_method text, p_address text, p_agent text,
                                            out outcome text, out retry_after_seconds integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_pointer kronos.beat_pointers;
    v_beat    kronos.beats;
    v_ping    kronos.beat_pings;
    v_counted record;
begin
    select pointer.* into v_pointer
      from kronos.beats as beat
      join kronos.workspaces as workspace using (workspace_id)
      join kronos.beat_pointers as pointer using (heartbeat_id)
     where beat.token_sha256 = p_token_sha256 and beat.deleted_at is null and workspace.status <> 'DELETED'
       for update of pointer;
    select * into v_beat      -- again: the row's previous holder may have changed or deleted it
      from kronos.beats as beat
     where beat.heartbeat_id = v_pointer.heartbeat_id and beat.token_sha256 = p_token_sha256
       and beat.deleted_at is null;
    if not found then
        return;
    end if;
    v_ping.at := kronos.clock();
    retry_after_seconds := kronos.ping_wait(v_pointer, v_ping.at);
    if retry_after_seconds > 0 then
        outcome := 'RATE_LIMITED';
        return;
    end if;
    if v_ping.at not between v_pointer.minute_at and v_pointer.minute_at + interval '60 seconds' then
        v_pointer.minute_at := v_ping.at;
        v_pointer.minute_pings := 0;
    end if;
    v_pointer.minute_pings := v_pointer.minute_pings + 1;
    if kronos.is_ping_repeated(v_beat.heartbeat_id, p_kind, p_exit_code, p_run_id, v_ping.at) then
        outcome := 'REPEATED';
        perform kronos.store_beat_pointer(v_pointer);
        return;
    end if;
    v_pointer.pings := v_pointer.pings + 1;
    v_pointer.last_ping_at := v_ping.at;
    v_ping.kind := p_kind;
    v_ping.exit_code := p_exit_code;
    v_ping.run_id := p_run_id;
    v_ping.duration_ms := p_duration_ms;
    outcome := case v_beat.status when 'PAUSED' then 'PAUSED' else 'TAKEN' end;
    if v_beat.status = 'ACTIVE' and p_kind <> 'LOG' then
        v_pointer := kronos.account_beat(v_beat, v_pointer, v_ping.at);
        if p_kind = 'START' then
            v_counted := kronos.count_beat_start(v_beat, p_run_id, v_ping.at, v_pointer);
        else
            v_counted := kronos.count_beat_end(v_beat, v_ping, v_pointer);
            v_ping.duration_ms := v_counted.duration_ms;
        end if;
        v_pointer := v_counted.p_pointer;
        v_ping.tick_at := v_counted.tick;
    end if;
    insert into kronos.beat_pings (heartbeat_id, number, workspace_id, at, kind, exit_code, run_id, tick_at,
                                   duration_ms, log, is_log_cut, method, address, agent)
    values (v_beat.heartbeat_id, v_pointer.pings, v_beat.workspace_id, v_ping.at, p_kind, p_exit_code,
            p_run_id, v_ping.tick_at, v_ping.duration_ms, p_log, p_is_log_cut, p_method, p_address, p_agent);
    perform kronos.store_beat_pointer(v_pointer);
end
$$;
