-- account_beat: accounts for the ticks of a heartbeat whose time is over at p_now: ticks without a ping, and
-- runs that began and did not end. Either is UNKNOWN if the ping could have been lost (was_deaf). Every ping
-- calls this first, so it makes no difference whether account_beats ran before it. Up to a hundred ticks have
-- a row each; if there are more, those in between share one. The pointer follows changed rules of the time
-- zone first (pointer_by_rules).
-- The caller holds the lock on the pointer's row, and stores the result. Plans are kept, whatever the caller
-- has set (account_beats): to plan each statement anew for each heartbeat took most of its time.
-- Returns: the pointer.
create or replace function kronos.account_beat(p_beat kronos.beats, p_pointer kronos.beat_pointers,
                                               p_now timestamptz)
returns kronos.beat_pointers
language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = auto
as $$
declare
    c_rows       constant integer := 100;
    v_until      constant timestamptz := p_now - make_interval(secs => p_beat.grace_seconds)
                                                  - interval '1 microsecond';
    v_suspended  tstzmultirange;
    v_over       record;
    v_between    record;
    v_tick       timestamptz;
    v_status     text;
    v_became     text;      -- the last tick's status
begin
    p_pointer := kronos.pointer_by_rules(p_beat, p_pointer);
    v_tick := p_pointer.next_tick_at;
    if p_pointer.due_at < p_now then
        v_suspended := (select kronos.suspensions_of(workspace)
                          from kronos.workspaces as workspace
                         where workspace.workspace_id = p_beat.workspace_id);
        v_over := kronos.beat_ticks_upto(p_beat, v_tick, v_until);
        for v_nth in 1 .. least(v_over.ticks, c_rows) loop
            if v_nth = c_rows and v_over.ticks > c_rows then
                v_between := kronos.beat_ticks_upto(p_beat, v_tick,
                                                    v_over.last_tick - interval '1 microsecond');
                perform kronos.note_unheard(p_beat, v_tick, v_between.ticks, v_between.last_tick,
                                            v_suspended);
                v_tick := v_over.last_tick;
            end if;
            v_became := kronos.note_unheard(p_beat, v_tick, 1, v_tick, v_suspended);
            v_tick := kronos.beat_tick_after(p_beat, v_tick);
        end loop;
        if v_over.ticks > 0 then
            p_pointer := kronos.awaiting_tick(p_beat, p_pointer, v_over.following_tick);
            p_pointer.last_tick_at := v_over.last_tick;
            p_pointer.last_status := case when v_became = 'SKIPPED' then p_pointer.last_status
                                          else v_became end;
        end if;
    end if;
    with over as (
        update kronos.beat_ticks as run
           set (status, reason) = (select case when deaf.it_was then 'UNKNOWN' else 'FAILED' end,
                                          case when deaf.it_was then 'not_receiving' else 'no_end' end
                                     from (values (kronos.was_deaf(run.started_at, run.run_due_at)))
                                          as deaf (it_was)),
               run_due_at = null, changed_at = kronos.clock()
         where run.heartbeat_id = p_beat.heartbeat_id and run.status = 'RUNNING' and run.run_due_at <= p_now
        returning run.status
    )
    select min(over.status) into v_status from over;    -- FAILED if any is
    if v_status = 'FAILED' or v_became is distinct from 'MISSED' then    -- the missed tick is later
        p_pointer.last_status := coalesce(v_status, p_pointer.last_status);
    end if;
    if v_status = 'FAILED' then
        perform kronos.tell_beat(p_beat, 'FAILED', null, null, p_beat.max_run_seconds * 1000::bigint);
    end if;
    if p_pointer.run_started_at + make_interval(secs => p_beat.max_run_seconds) <= p_now then
        p_pointer.run_started_at := null;
        p_pointer.run_tick_at := null;
    end if;
    return p_pointer;
end
$$;
