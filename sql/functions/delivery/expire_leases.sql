-- expire_leases: ends the attempts whose lease has expired since p_since, up to p_limit. Each becomes LOST.
-- Its execution is due again immediately; or FAILED if its attempts or crashes are used up (max_crashes 0: at
-- most once) or it is older than its endpoint's max_age_seconds; or CANCELLED if it was cancelled meanwhile,
-- whatever is used up.
--
-- The only evidence is the row's own lease and the database's clock. The token is removed with the lease, so
-- a worker that comes back late is fenced. p_since: without it, each check reads the leases of all deliveries
-- made while another session reads in an old snapshot, 7,650 buffers after 100,000. Waits for nothing but a
-- gate's short lock: an execution whose one-shot's row another session has locked ends later (is_job_free).
-- Lock order: executions, gates, execution_done, attempt.
-- Returns: one row with the counts.
create or replace function kronos.expire_leases(p_limit integer, p_since timestamptz, out requeued integer,
                                                out failed integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    requeued := 0;
    failed   := 0;
    -- The usual case: there are none. The statement below, planned when the table was empty, would start its
    -- joins with everything that is or was in it.
    perform
       from kronos.execution_live as live
      where live.claim_token is not null
        and live.visible_at <= kronos.now()
        and live.visible_at >= p_since
      order by live.visible_at
      limit 1;
    if not found then
        return;
    end if;
    with dead as materialized (
        select live.*, live as whole, judged.age_limit, judged.is_over,
               -- relevant if it is over
               live.crashes < live.max_crashes and live.attempt_count < live.max_attempts as is_early,
               jsonb_build_object('type', 'lease_expired', 'message',
                   format('worker %s did not report within its lease; whether the delivery arrived is not '
                          'known', live.worker_id)) as reason
          from kronos.execution_live as live
         cross join lateral (select aged.age_limit,
                                    live.crashes >= live.max_crashes
                                    or live.attempt_count >= live.max_attempts
                                    or live.cancel_reason is not null
                                    or coalesce(kronos.now() > aged.age_limit, false) as is_over
                               from (select kronos.age_limit(live) as age_limit offset 0) as aged
                             offset 0) as judged
         where live.claim_token is not null
           and live.visible_at <= kronos.now()
           and live.visible_at >= p_since
           and (not judged.is_over or kronos.is_job_free(live))
         order by live.visible_at
         limit p_limit
           for update of live skip locked
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
                   dead.whole,
                   case when cancel_reason is not null then 'CANCELLED' else 'FAILED' end,
                   case when cancel_reason is not null then cancel_reason
                        else jsonb_build_object('code', case when is_early then 'max_age_exceeded'
                                                             else 'lease_expired' end,
                                                'detail', reason ->> 'message') end,
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
