-- account_beats: calls account_beat for heartbeats that have something to account for, most overdue first, at
-- most p_limit. Heartbeats that another session has locked are left to it: a ping accounts by itself. A
-- heartbeat that cannot be accounted for, because its row was edited by hand, is left alone for an hour, with
-- a warning; one that a passing error stops (is_passing), for the next run. Neither stops another, nor the
-- ticks and leases for which its callers account in the same transaction. Whatever became due after the last
-- report of the ping door is left for the next run (heard_until).
-- Part of the internal job catch-up. After a long outage each heartbeat may get a hundred rows, so it stops
-- after p_for and the next run continues; at least one heartbeat is accounted for. A deleted heartbeat is
-- forgotten (forget_beat).
-- Returns: the number of heartbeats accounted for.
create or replace function kronos.account_beats(p_limit integer, p_for interval default '1 second')
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_began   constant timestamptz := kronos.clock();
    v_now     constant timestamptz := kronos.heard_until();
    v_ids     uuid[];
    v_pointer kronos.beat_pointers;
    v_beat    kronos.beats;
    v_tried   integer := 0;
    v_done    integer := 0;
begin
    v_ids := array(select due.heartbeat_id
                     from ((select pointer.heartbeat_id, pointer.due_at
                              from kronos.beat_pointers as pointer
                             where pointer.due_at < v_now
                             order by pointer.due_at
                             limit p_limit)
                           union all
                           (select run.heartbeat_id, run.run_due_at
                              from kronos.beat_ticks as run
                             where run.status = 'RUNNING' and run.run_due_at <= v_now
                             order by run.run_due_at
                             limit p_limit)) as due
                    group by due.heartbeat_id
                    order by min(due.due_at)
                    limit p_limit);
    for v_pointer in
        select pointer.*
          from kronos.beat_pointers as pointer
         where pointer.heartbeat_id = any (v_ids)
         order by pointer.heartbeat_id
           for update skip locked
    loop
        exit when v_tried > 0 and kronos.clock() > v_began + p_for;
        v_tried := v_tried + 1;
        select * into v_beat from kronos.beats as beat where beat.heartbeat_id = v_pointer.heartbeat_id;
        if v_beat.deleted_at is not null then
            perform kronos.forget_beat(v_beat.heartbeat_id);
            continue;
        end if;
        begin
            perform kronos.store_beat_pointer(kronos.account_beat(v_beat, v_pointer, v_now));
            v_done := v_done + 1;
        exception when others then
            raise warning 'kronos: the heartbeat % cannot be accounted for: % (%)', v_beat.heartbeat_id,
                          sqlerrm, sqlstate;
            exit when kronos.is_shortage(sqlstate);
            update kronos.beat_pointers set due_at = v_now + interval '1 hour'
             where heartbeat_id = v_beat.heartbeat_id and not kronos.is_passing(sqlstate);
        end;
    end loop;
    return v_done;
end
$$;
