-- name: finalize_successes
-- End the successes of a batch, each only if its token still holds, in as few steps as possible, because
-- nearly every delivery ends this way. The only attempt of an execution is kept in its row.
-- finalize_limited_successes handles limited endpoints.
-- Left to finalize_executions are executions that hold a slot unknown to the worker, those of endpoints that
-- are watched because they failed, and a whole batch if the history already has one of its executions
-- (23505).
-- Each is deleted at the place where its claim has put it (%(places)s), without a search by its key, which
-- saves 2 us. A row that was changed since is elsewhere, and another row may be in its place by now, so it is
-- left as well. Returns those that it has not ended. One statement: all of the others, or nothing. Locks
-- executions in ascending order.
with result as materialized (
    select *
      from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[], %(duration_ms)s::integer[],
                  %(request_nths)s::integer[], %(response_nths)s::integer[], %(places)s::tid[])
        as result (execution_id, claim_token, duration_ms, request_nth, response_nth, place)
     order by execution_id
), document as materialized (
    select %(documents)s::jsonb[] as all_of_them
), ended as (
    delete from kronos.execution_live as live
     using result
     where live.ctid = result.place and kronos.looked_up(live.execution_id, result.execution_id)
       and live.claim_token is not distinct from result.claim_token
       and not live.holds_slot
       and ((select true from kronos.endpoint_health where is_watched limit 1) is null      -- mostly
            or (select true
                  from kronos.endpoint_health as health
                 where health.endpoint_id = live.endpoint_id and health.is_watched
                 limit 1) is null)
    returning {Archived of live}, live.claim_token, live.claimed_at, result.duration_ms, result.request_nth,
              result.response_nth,
              live.attempt_count = 1 and live.started_at is not distinct from live.claimed_at as is_only
), archived as (      -- kronos.archived, together with the only attempt
    insert into kronos.execution_done ({Archived}, status, output, attempt_token, attempt_ms, attempt_request)
    select {Archived}, 'SUCCESS', (table document)[response_nth],
           case when is_only then claim_token end, case when is_only then duration_ms end,
           case when is_only then (table document)[request_nth] end
      from ended
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                duration_ms, worker_id, request, response, endpoint_version)
    select execution_id, claim_token, workspace_id, attempt_count, 'SUCCESS', claimed_at, duration_ms,
           worker_id, (table document)[request_nth], (table document)[response_nth], endpoint_version
      from ended
     where not is_only
)
select execution_id from result where execution_id not in (select execution_id from ended);

-- name: finalize_limited_successes
-- finalize_successes for executions that hold slots (endpoints with a limit). Their gates are locked after
-- them, ids ascending, and get the slots back. Then their concurrency keys have room, which release_keys
-- handles instead of a trigger: 4 us less per execution. Those of watched endpoints are left to
-- finalize_executions, as there.
with result as materialized (
    select *
      from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[], %(duration_ms)s::integer[],
                  %(request_nths)s::integer[], %(response_nths)s::integer[], %(places)s::tid[])
        as result (execution_id, claim_token, duration_ms, request_nth, response_nth, place)
     order by execution_id
), document as materialized (
    select %(documents)s::jsonb[] as all_of_them
), ended as (
    delete from kronos.execution_live as live
     using result
     where live.ctid = result.place and kronos.looked_up(live.execution_id, result.execution_id)
       and live.claim_token is not distinct from result.claim_token
       and live.holds_slot
       and (select set_config('kronos.frees_keys', 'yes', true)) = 'yes'
       and ((select true from kronos.endpoint_health where is_watched limit 1) is null      -- mostly
            or (select true
                  from kronos.endpoint_health as health
                 where health.endpoint_id = live.endpoint_id and health.is_watched
                 limit 1) is null)
    returning {Archived of live}, live.claim_token, live.claimed_at, live.concurrency_key,
              result.duration_ms, result.request_nth, result.response_nth,
              live.attempt_count = 1 and live.started_at is not distinct from live.claimed_at as is_only
), slot as materialized (
    select taken.endpoint_id, taken.executions
      from (select endpoint_id, count(*)::integer as executions
              from ended
             group by endpoint_id
             order by endpoint_id) as taken
     cross join lateral (select from kronos.endpoint_gate as gate
                          where gate.endpoint_id = taken.endpoint_id
                            for update) as locked
), freed as materialized (      -- all gates are locked before; without keys it only ends the setting
    select kronos.release_keys(array_agg(endpoint_id) filter (where concurrency_key is not null),
                               array_agg(concurrency_key) filter (where concurrency_key is not null))
      from ended
     where (select count(*) from slot) > 0
), released as (      -- always runs, because it changes data, and it reads freed
    update kronos.endpoint_gate as gate
       set in_flight = gate.in_flight - slot.executions
      from slot
     where gate.endpoint_id = slot.endpoint_id and coalesce((table freed), 0) >= 0
), archived as (      -- as in finalize_successes
    insert into kronos.execution_done ({Archived}, status, output, attempt_token, attempt_ms, attempt_request)
    select {Archived}, 'SUCCESS', (table document)[response_nth],
           case when is_only then claim_token end, case when is_only then duration_ms end,
           case when is_only then (table document)[request_nth] end
      from ended
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                duration_ms, worker_id, request, response, endpoint_version)
    select execution_id, claim_token, workspace_id, attempt_count, 'SUCCESS', claimed_at, duration_ms,
           worker_id, (table document)[request_nth], (table document)[response_nth], endpoint_version
      from ended
     where not is_only
)
select execution_id from result where execution_id not in (select execution_id from ended);

-- name: finalize_executions
-- End a batch of attempts, each only if its token still holds: the execution moves to the history, or is due
-- again after its backoff, counted from now; one that was cancelled meanwhile is CANCELLED instead. An
-- attempt that the end of its worker cut off (is_cut_off) counts as lost with its worker (max_crashes).
-- An execution that would then be older than max_age_ms, counted from run_at, is not due again. One that is
-- due again has that instant as its deadline, so that no claim takes it later, whatever it waited for.
-- note_outcomes applies the outcomes to their endpoints, under the lock of the gate. If there is an outcome
-- to note, it also returns all slots of the batch ("released" always runs, because it changes data, and it
-- reads "noted").
-- If the history already has a run (a pointer set back by hand, a restored copy), the history stays as it is:
-- the attempt is recorded, and the run's row is deleted. One statement: all of the batch, or nothing.
-- Executions that it does not return had ended before (judge_unapplied finds out how).
-- Lock order: executions ascending, then gates ascending, then workspaces' gates ascending. "is not distinct
-- from" on purpose: with "=" the planner uses the index of all leases for each row.
with result as materialized (
    select *
      from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[], %(statuses)s::text[],
                  %(is_retryable)s::boolean[], %(retry_ms)s::bigint[],
                  %(duration_ms)s::integer[], %(requests)s::jsonb[], %(responses)s::jsonb[],
                  %(errors)s::jsonb[],
                  %(is_cut_off)s::boolean[], %(slow_ms)s::bigint[], %(is_gone)s::boolean[],
                  %(max_age_ms)s::bigint[])
        as result (id, token, status, is_retryable, retry_ms, duration_ms, request, response, new_error,
                   is_cut_off, slow_ms, is_gone, max_age_ms)
     order by id
), held as materialized (
    select live.*, result.*,
           case when status = 'SUCCESS' then 'SUCCESS'
                when cancel_reason is not null
                     and (is_cut_off or new_error ->> 'type' = 'cancelled') then 'CANCELLED'
                when not is_retryable or attempt_count >= max_attempts or is_old then 'FAILED'
                when is_cut_off and crashes >= max_crashes then 'FAILED'
                when cancel_reason is not null then 'CANCELLED'
                else 'RETRY'
           end as verdict
      from result
     cross join lateral (select live.*,
                                kronos.now() > live.run_at + interval '1 ms' * (max_age_ms - retry_ms)
                                    as is_old,
                                status <> 'SUCCESS'
                                or exists (select from kronos.endpoint_health as health
                                            where health.endpoint_id = live.endpoint_id
                                              and health.is_watched) as is_noted
                           from kronos.execution_live as live
                          where live.execution_id = result.id
                            and live.claim_token is not distinct from result.token
                            for update) as live
), slot as materialized (
    select taken.*
      from (select endpoint_id, count(*)::integer as executions,
                   bool_or(bool_or(is_noted)) over () as is_noted      -- by one of the two
              from held
             where holds_slot or is_noted
             group by endpoint_id
             order by endpoint_id) as taken
     cross join lateral (select from kronos.endpoint_gate as gate
                          where gate.endpoint_id = taken.endpoint_id
                            for update) as locked
), noted as materialized (
    select kronos.note_outcomes(array_agg(endpoint_id), array_agg(endpoint_version), array_agg(status),
                                array_agg(new_error), array_agg(slow_ms), array_agg(is_gone),
                                array_agg(holds_slot))
      from held
      join slot using (endpoint_id)
    having bool_or(slot.is_noted)
), released as (
    update kronos.endpoint_gate as gate
       set in_flight = gate.in_flight - slot.executions
      from slot
     where gate.endpoint_id = slot.endpoint_id and (table noted) is null
), ended as (
    delete from kronos.execution_live as live
     using held
     where kronos.looked_up(live.execution_id, id) and verdict <> 'RETRY'
), archived as (
    insert into kronos.execution_done ({Archived}, status, status_reason, output, error)
    select {Archived}, verdict,
           case verdict when 'FAILED' then
                        kronos.failure_reason(status, is_retryable, attempt_count >= max_attempts,
                                                   is_old, is_cut_off, max_age_ms, new_error)
                        when 'CANCELLED' then cancel_reason
           end,
           case when verdict = 'SUCCESS' then response end, case when verdict <> 'SUCCESS' then new_error end
      from held
     where verdict <> 'RETRY'
        on conflict do nothing
), again as (
    update kronos.execution_live as live
       set claim_token = null, worker_id = null, claimed_at = null, holds_slot = false,
           error = new_error, crashes = live.crashes + held.is_cut_off::integer,
           deadline_at = least(live.deadline_at, live.run_at + interval '1 ms' * max_age_ms),
           is_age_limited = max_age_ms > 0,
           visible_at = kronos.now() + interval '1 ms' * retry_ms
      from held
     where kronos.looked_up(live.execution_id, id) and verdict = 'RETRY'
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                duration_ms, worker_id, request, response, error, endpoint_version)
    select execution_id, claim_token, workspace_id, attempt_count, status, claimed_at, duration_ms, worker_id,
           request, response, new_error, endpoint_version
      from held
)
select execution_id, verdict from held;

-- name: list_locked
-- Those of these executions that another session has locked at this moment. Also those whose endpoint's or
-- workspace's gate is locked and finalize_executions needs it: failed (%(failed_ids)s), of limited endpoints,
-- of watched ones. Also one-shots whose job's row is locked, because their end completes it. Does not wait.
with free as materialized (
    select execution_id, workspace_id, endpoint_id, holds_slot,
           holds_slot or execution_id = any (%(failed_ids)s::uuid[])
           or exists (select from kronos.endpoint_health as health
                       where health.endpoint_id = live.endpoint_id and health.is_watched) as wants_gate
      from kronos.execution_live as live
     where execution_id = any (%(execution_ids)s::uuid[])
       for update skip locked
), gate as materialized (
    select endpoint_id
      from kronos.endpoint_gate
     where endpoint_id = any (array(select endpoint_id from free where wants_gate))
       for update skip locked
), tenant as materialized (
    select workspace_id
      from kronos.workspace_gate
     where workspace_id = any (array(select workspace_id from free where holds_slot))
       for update skip locked
)
select live.execution_id
  from kronos.execution_live as live
 where live.execution_id = any (%(execution_ids)s::uuid[])
   and not exists (select
                     from free
                    where free.execution_id = live.execution_id
                      and (not free.wants_gate
                           or exists (select from gate where gate.endpoint_id = free.endpoint_id))
                      and (not free.holds_slot
                           or not exists (select from kronos.workspace_gate as counted
                                           where counted.workspace_id = free.workspace_id)
                           or exists (select from tenant where tenant.workspace_id = free.workspace_id)))
 union
select kronos.with_locked_jobs(%(execution_ids)s::uuid[]);

-- name: judge_unapplied
-- For executions that finalize_executions did not return. ALREADY: our own earlier commit, whose answer was
-- lost. FENCED: the lease had expired, or a newer run has replaced it; the result is kept as evidence.
with result as materialized (
    select *
      from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[], %(statuses)s::text[],
                  %(errors)s::jsonb[]) as result (execution_id, claim_token, status, error)
), ended as materialized (
    select execution_id, claim_token from kronos.ended_attempts(%(execution_ids)s::uuid[])
), judged as materialized (
    select result.*, exists (select from ended
                              where ended.execution_id = result.execution_id
                                and ended.claim_token = result.claim_token) as is_ours
      from result
), late as (
    insert into kronos.attempt_late (execution_id, claim_token, status, worker_id, error)
    select execution_id, claim_token, status, %(worker_id)s, error from judged where not is_ours
        on conflict (execution_id, claim_token) do nothing
)
select execution_id, case when is_ours then 'ALREADY' else 'FENCED' end as verdict from judged;

-- name: release_executions
-- Return claims that were never sent (shutdown): the attempt does not count. They are due immediately; one
-- that was cancelled meanwhile is CANCELLED. "coalesce" on purpose: without it the planner uses the index of
-- all leases for each row.
with held as materialized (
    select live.*, jsonb_populate_record(live::kronos.execution_live, unclaimed) as whole
      from (select unnest(%(execution_ids)s::uuid[]) as execution_id order by 1) as wanted
     cross join lateral (select * from kronos.execution_live as live
                          where live.execution_id = wanted.execution_id
                            and coalesce(live.claim_token = any (%(claim_tokens)s::uuid[]), false)
                            for update) as live
     cross join lateral (select jsonb_build_object('worker_id', null, 'attempt_count', live.attempt_count - 1)
                                || case when live.attempt_count > 1 then '{}'::jsonb
                                        else '{"started_at": null}' end) as before (unclaimed)
), slot as materialized (
    select taken.endpoint_id, taken.executions
      from (select endpoint_id, count(*)::integer as executions
              from held
             where holds_slot
             group by endpoint_id
             order by endpoint_id) as taken
     cross join lateral (select
                           from kronos.endpoint_gate as gate
                          where gate.endpoint_id = taken.endpoint_id
                            for update) as locked
), released as (
    update kronos.endpoint_gate as gate
       set in_flight = gate.in_flight - slot.executions
      from slot
     where gate.endpoint_id = slot.endpoint_id
), ended as (
    delete from kronos.execution_live as live
     using held
     where kronos.looked_up(live.execution_id, held.execution_id) and held.cancel_reason is not null
), archived as (
    insert into kronos.execution_done
    select done.*
      from held
     cross join lateral kronos.archived(held.whole, 'CANCELLED', cancel_reason, null, error) as done
     where cancel_reason is not null
        on conflict do nothing      -- as finalize_executions
), again as (
    update kronos.execution_live as live
       set claim_token = null, worker_id = null, claimed_at = null, holds_slot = false,
           visible_at = kronos.now(), attempt_count = live.attempt_count - 1,
           started_at = case when live.attempt_count > 1 then live.started_at end
      from held
     where kronos.looked_up(live.execution_id, held.execution_id) and held.cancel_reason is null
)
select execution_id, case when cancel_reason is null then 'RELEASED' else 'CANCELLED' end as verdict
  from held;
