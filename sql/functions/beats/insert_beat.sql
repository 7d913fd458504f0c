-- insert_beat: creates a heartbeat with its pointer; the first tick expected is the next one.
-- Returns: CREATED; TAKEN if another session created one of this name meanwhile; FULL if the workspace has
-- ten thousand.
create or replace function kronos.insert_beat(p_terms jsonb, p_token_sha256 bytea) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_beat    kronos.beats := jsonb_populate_record(null::kronos.beats, p_terms);
    v_pointer kronos.beat_pointers;
    v_now     constant timestamptz := kronos.clock();
begin
    if (select count(*) from (select from kronos.beats as beat
                               where beat.workspace_id = kronos.current_workspace_id()
                                 and beat.deleted_at is null
                               limit 10000) as found) >= 10000 then
        return 'FULL';
    end if;
    perform kronos.open_door();
    insert into kronos.beats (workspace_id, name, tags, cron, every, anchor, anchor_local, timezone, dst_gap,
                              dst_overlap, period_seconds, schedule, description, grace_seconds,
                              max_run_seconds, token_sha256, created_at, updated_at)
    values (kronos.current_workspace_id(), v_beat.name, v_beat.tags, v_beat.cron, v_beat.every, v_beat.anchor,
            v_beat.anchor_local, v_beat.timezone, v_beat.dst_gap, v_beat.dst_overlap, v_beat.period_seconds,
            v_beat.schedule, v_beat.description, v_beat.grace_seconds, v_beat.max_run_seconds, p_token_sha256,
            v_now, v_now)
        on conflict (workspace_id, name) where deleted_at is null do nothing
    returning * into v_beat;
    if not found then
        return 'TAKEN';
    end if;
    v_pointer := kronos.awaiting_tick(v_beat, v_pointer, kronos.beat_tick_after(v_beat, v_now));
    insert into kronos.beat_pointers (heartbeat_id, workspace_id, next_tick_at, opens_at, due_at)
    values (v_beat.heartbeat_id, v_beat.workspace_id, v_pointer.next_tick_at, v_pointer.opens_at,
            v_pointer.due_at);
    return 'CREATED';
end
$$;
