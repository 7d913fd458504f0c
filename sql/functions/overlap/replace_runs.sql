-- replace_runs: ends the executions of an overlap key that were created before p_before, so that a newer one
-- can take their place (REPLACE): they become CANCELLED. One in progress loses its claim: its attempt is
-- UNKNOWN, or LOST if its lease has ended; its slot is returned, and its worker aborts the request as soon as
-- it is notified (ask_for_aborts). A result after that is late (attempt_late).
-- Skips executions and gates that another session has locked, since it is called with other locks held and
-- must not wait. release_next ends the rest a fraction of a second later. It locks first and then reads
-- again: a claim committed between a statement's snapshot and its locks shows in the execution's row, but not
-- in the gate's count that the same statement reads. The caller holds the row lock of the job's newest
-- version.
-- Returns: whether no execution of the key is left.
create or replace function kronos.replace_runs(p_overlap_key uuid, p_before timestamptz) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    c_detail  constant text := 'a newer run of the job replaced it';
    v_from    constant bigint := kronos.runs_from(p_overlap_key);
    v_old     uuid[];
    v_gates   uuid[];
begin
    v_old := array(select execution_id
                     from kronos.execution_live
                    where overlap_key = p_overlap_key and overlap_nth >= v_from and created_at < p_before
                      for update skip locked);
    if v_old = '{}' then
        return not exists (select from kronos.execution_live
                            where overlap_key = p_overlap_key and overlap_nth >= v_from);
    end if;
    perform kronos.ask_for_aborts(array(select execution_id from kronos.execution_live
                                         where execution_id = any (v_old) and claim_token is not null));
    v_gates := kronos.lock_gates(array(select endpoint_id from kronos.execution_live
                                        where execution_id = any (v_old) and holds_slot));
    with replaced as materialized (
        select live.*, live as whole, kronos.clock() as ended_at,
               live.claim_token is not null and live.visible_at <= kronos.clock() as is_lost
          from kronos.execution_live as live
         where live.execution_id = any (v_old)
           and (not live.holds_slot or live.endpoint_id = any (v_gates))
    ), given_back as (
        update kronos.endpoint_gate as gate
           set in_flight = gate.in_flight - slot.executions
          from (select endpoint_id, count(*)::integer as executions
                  from replaced where holds_slot
                 group by endpoint_id) as slot
         where gate.endpoint_id = slot.endpoint_id
    ), archived as (
        insert into kronos.execution_done
        select done.*
          from replaced
         cross join lateral kronos.archived(
                   replaced.whole, 'CANCELLED',
                   jsonb_build_object('code', 'overlap_replaced', 'detail', c_detail),
                   null, replaced.error, ended_at
               ) as done
            -- a run that is already in the history (a pointer set back, a restored copy)
            on conflict do nothing
    ), recorded as (
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status,
                                    started_at, completed_at, duration_ms, worker_id, error, endpoint_version)
        select execution_id, claim_token, workspace_id, attempt_count,
               case when is_lost then 'LOST' else 'UNKNOWN' end, claimed_at, ended_at,
               least(extract(epoch from ended_at - claimed_at) * 1000, 2147483647)::integer,
               worker_id,
               jsonb_build_object('type', 'overlap_replaced',
                                  'message', c_detail || '; whether the delivery arrived is not known'),
               endpoint_version
          from replaced
         where claim_token is not null
    )
    delete from kronos.execution_live as live using replaced
     where kronos.looked_up(live.execution_id, replaced.execution_id);
    return not exists (select from kronos.execution_live
                        where overlap_key = p_overlap_key and overlap_nth >= v_from);
end
$$;
