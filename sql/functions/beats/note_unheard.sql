-- note_unheard: records one or more ticks of a heartbeat without a ping in time, as one row. They are SKIPPED
-- if the workspace was suspended when the tick came or when its grace ended (for several ticks: from the
-- first to the last), or if a run of the heartbeat was in progress all the time; UNKNOWN if a ping could have
-- been lost (was_deaf); otherwise MISSED.
-- Returns: their status.
create or replace function kronos.note_unheard(p_beat kronos.beats, p_tick timestamptz, p_count bigint,
                                               p_until timestamptz, p_suspended tstzmultirange)
returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_due_at constant timestamptz := p_until + make_interval(secs => p_beat.grace_seconds);
    v_reason text;
    v_status text := 'MISSED';
begin
    if p_suspended @> tstzrange(p_tick, p_until, '[]') or (p_count = 1 and p_suspended @> v_due_at) then
        v_status := 'SKIPPED';
        v_reason := 'suspended';
    elsif exists (select
                    from kronos.beat_ticks as run
                   where run.heartbeat_id = p_beat.heartbeat_id and run.status = 'RUNNING'
                     and run.started_at <= p_tick and run.run_due_at > v_due_at) then
        v_status := 'SKIPPED';
        v_reason := 'running';
    elsif kronos.was_deaf(p_tick - make_interval(secs => coalesce(p_beat.period_seconds, 30)), v_due_at) then
        v_status := 'UNKNOWN';
        v_reason := 'not_receiving';
    end if;
    insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, reason, tick_count, until_at,
                                   changed_at)
    values (p_beat.heartbeat_id, p_tick, p_beat.workspace_id, v_status, v_reason, p_count, p_until,
            kronos.clock())
        on conflict (heartbeat_id, tick_at) do nothing;
    if v_status = 'MISSED' then
        perform kronos.tell_beat(p_beat, 'MISSED', p_tick, null, null);
    end if;
    return v_status;
end
$$;
