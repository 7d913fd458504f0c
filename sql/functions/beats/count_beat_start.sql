-- count_beat_start: records the start of a heartbeat's run: the tick that it is for becomes RUNNING. A run
-- that starts while another is running, or after the tick was done, is for no tick. The caller holds the lock
-- on the pointer's row.
-- Returns: the pointer, moved; tick: null if it is for none.
create or replace function kronos.count_beat_start(p_beat kronos.beats, p_run_id text, p_now timestamptz,
                                                   inout p_pointer kronos.beat_pointers,
                                                   out tick timestamptz)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_claimed record;
begin
    v_claimed := kronos.claim_beat_tick(p_beat, p_now, false, p_pointer);
    p_pointer := v_claimed.p_pointer;
    tick := v_claimed.tick;
    if p_run_id is null then
        p_pointer.run_started_at := p_now;
        p_pointer.run_tick_at := tick;
    end if;
    if tick is not null then
        insert into kronos.beat_ticks as run (heartbeat_id, tick_at, workspace_id, status, until_at, run_id,
                                              started_at, run_due_at, changed_at)
        values (p_beat.heartbeat_id, tick, p_beat.workspace_id, 'RUNNING', tick, p_run_id, p_now,
                p_now + make_interval(secs => p_beat.max_run_seconds), p_now)
            on conflict (heartbeat_id, tick_at) do update
           set status = 'RUNNING', reason = null, run_id = excluded.run_id, started_at = excluded.started_at,
               ended_at = null, duration_ms = null, exit_code = null, run_due_at = excluded.run_due_at,
               changed_at = excluded.changed_at;
    end if;
end
$$;
