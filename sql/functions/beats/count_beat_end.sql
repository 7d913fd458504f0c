-- count_beat_end: records the end of a heartbeat's run, successful or not. If the run reported its start,
-- this ends the tick that the start counted for, and the tick is on time if the start was; otherwise the ping
-- itself is the run. The latest report counts, except that a success changes nothing for a tick that is done.
-- The caller holds the lock on the pointer's row.
-- Returns: the pointer, moved; tick: null if it counts for none; duration_ms: null if it is not known.
create or replace function kronos.count_beat_end(p_beat kronos.beats, p_ping kronos.beat_pings,
                                                 inout p_pointer kronos.beat_pointers, out tick timestamptz,
                                                 out duration_ms bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_success constant boolean  := p_ping.kind = 'SUCCESS';
    v_grace      constant interval := make_interval(secs => p_beat.grace_seconds);
    v_started_at timestamptz := p_pointer.run_started_at;
    v_claimed    record;
    v_status     text;
begin
    tick := p_pointer.run_tick_at;
    if p_ping.run_id is not null then
        select run.began_at, run.tick_at into v_started_at, tick from kronos.begun_run(p_ping, p_beat) as run;
    else
        p_pointer.run_started_at := null;
        p_pointer.run_tick_at := null;
    end if;
    if v_started_at is null then
        v_claimed := kronos.claim_beat_tick(p_beat, p_ping.at, true, p_pointer);
        p_pointer := v_claimed.p_pointer;
        tick := v_claimed.tick;
    elsif p_beat.period_seconds is not null then
        p_pointer := kronos.awaiting_tick(p_beat, p_pointer, kronos.beat_tick_after(p_beat, p_ping.at));
    end if;
    duration_ms := coalesce(p_ping.duration_ms, kronos.duration_ms(v_started_at, p_ping.at));
    v_status := case when not v_is_success then 'FAILED'
                     when coalesce(v_started_at, p_ping.at) <= tick + v_grace then 'ON_TIME'
                     else 'LATE' end;
    p_pointer.last_status := case when tick is null and v_is_success then 'ON_TIME' else v_status end;
    perform kronos.tell_beat(p_beat, case when v_is_success then 'SUCCESS' else 'FAILED' end, tick,
                             coalesce(v_started_at, p_ping.at), duration_ms);
    if v_is_success then
        p_pointer.last_success_at := p_ping.at;
    end if;
    p_pointer.last_duration_ms := coalesce(duration_ms, p_pointer.last_duration_ms);
    if tick is not null then
        insert into kronos.beat_ticks as done (heartbeat_id, tick_at, workspace_id, status, until_at, run_id,
                                               started_at, ended_at, duration_ms, exit_code, changed_at)
        values (p_beat.heartbeat_id, tick, p_beat.workspace_id, v_status, tick, p_ping.run_id, v_started_at,
                p_ping.at, duration_ms, p_ping.exit_code, p_ping.at)
            on conflict (heartbeat_id, tick_at) do update
           set status = excluded.status, reason = null,
               run_id = coalesce(excluded.run_id, done.run_id),
               started_at = coalesce(excluded.started_at, done.started_at), ended_at = excluded.ended_at,
               duration_ms = excluded.duration_ms, exit_code = excluded.exit_code, run_due_at = null,
               changed_at = excluded.changed_at
         where done.status not in ('ON_TIME', 'LATE') or excluded.status = 'FAILED';
    end if;
end
$$;
