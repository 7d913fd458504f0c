-- lose_leases: ends attempts whose lease has expired, as expire_leases says. The caller holds their
-- executions, and those of their jobs' rows that their ends change.
-- Returns: one row with the counts.
create or replace function kronos.lose_leases(p_execution_ids uuid[], out requeued integer,
                                              out failed integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    with dead as materialized (
        select live.*, live as whole, judged.age_limit,
               kronos.is_over_at(live, judged.age_limit) as is_over,
               kronos.lease_error(live.worker_id) as reason
          from kronos.execution_live as live
         cross join lateral (select kronos.age_limit(live) as age_limit offset 0) as judged
         where live.execution_id = any (p_execution_ids)
    ), slot as materialized (
        select dead.endpoint_id, count(*)::integer as held
          from dead
         where dead.holds_slot
         group by dead.endpoint_id
         order by dead.endpoint_id
    ), gate as materialized (      -- in ascending order, as in finalize_executions
        select slot.endpoint_id, slot.held
          from slot
         cross join lateral (select from kronos.endpoint_gate as gate
                              where gate.endpoint_id = slot.endpoint_id
                                for update) as locked
    ), released as (
        update kronos.endpoint_gate as gate
           set in_flight = gate.in_flight - locked.held
          from gate as locked
         where gate.endpoint_id = locked.endpoint_id
    ), ended as (
        delete from kronos.execution_live as live
         using dead
         where kronos.looked_up(live.execution_id, dead.execution_id) and dead.is_over
        returning live.execution_id
    ), archived as (
        insert into kronos.execution_done
        select done.*
          from dead
         cross join lateral kronos.archived(
                   dead.whole, case when cancel_reason is null then 'FAILED' else 'CANCELLED' end,
                   kronos.lost_reason(cancel_reason, crashes < max_crashes and attempt_count < max_attempts,
                                      reason),
                   null, reason
               ) as done
         where is_over
            on conflict do nothing      -- as in finalize_executions
    ), lost as (
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status,
                                    started_at, worker_id, error, endpoint_version)
        select execution_id, claim_token, workspace_id, attempt_count, 'LOST', claimed_at, worker_id, reason,
               endpoint_version
          from dead
    ), again as (
        update kronos.execution_live as live
           set claim_token = null, worker_id = null, claimed_at = null, holds_slot = false,
               crashes = live.crashes + 1, visible_at = kronos.now(), error = dead.reason,
               deadline_at = least(live.deadline_at, dead.age_limit),
               is_age_limited = case when dead.age_limit is not null then true end
          from dead
         where kronos.looked_up(live.execution_id, dead.execution_id) and not dead.is_over
        returning live.execution_id
    )
    select (select count(*) from again), (select count(*) from ended) into requeued, failed;
end
$$;
