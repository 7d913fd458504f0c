-- name: list_due_endpoints
-- Endpoints with something to claim, but for those of suspended workspaces: a hint, never trusted. A loose
-- scan of execution_live_ready: 0.8 ms for 100 endpoints, 22 ms for 10,000; looking at their workspaces takes
-- a fifth of that more, and spares a claim in vain for each that is suspended. An endpoint in
-- %(endpoint_ids)s is read from its floor on, and the others between them from %(since_seconds)s ago on
-- (null: all there is): the entries of what was delivered come first in the index, and while somebody reads
-- in an old snapshot no vacuum removes them: 20,000 for one look. An endpoint's first entry has no priority
-- where none of its executions has one; else first_due looks into each of its queues. One with work of both
-- kinds may come twice. Where groups of workers are used, a gate is only there for those that it lets in.
with recursive known as materialized (
    select known.endpoint_id, kronos.floor_of(known.floor) as floor
      from unnest(%(endpoint_ids)s::uuid[], %(floors)s::timestamptz[]) as known (endpoint_id, floor)
), since as materialized (
    select case when %(since_seconds)s::double precision is null then '-infinity'
                else kronos.now() - make_interval(secs => %(since_seconds)s::double precision)
           end as at
), gap as materialized (
    select after_id,
           lead(after_id, 1, 'ffffffff-ffff-ffff-ffff-ffffffffffff') over (order by after_id) as before_id,
           since.at as since
      from (select known.endpoint_id
              from known
             union
            select '00000000-0000-0000-0000-000000000000'::uuid) as bounds (after_id)
     cross join since
), endpoint as (
    select gap.before_id, gap.since, first.endpoint_id, first.workspace_id, first.visible_at, first.priority
      from gap
     cross join lateral (select live.endpoint_id, live.workspace_id, live.visible_at, live.priority
                           from kronos.execution_live as live
                          where live.claim_token is null
                            and live.visible_at < 'infinity'
                            and live.visible_at >= gap.since
                            and live.endpoint_id > gap.after_id and live.endpoint_id < gap.before_id
                          order by live.endpoint_id, kronos.queue_of(live.priority), live.visible_at
                          limit 1) as first
    union all
    select endpoint.before_id, endpoint.since, following.endpoint_id, following.workspace_id,
           following.visible_at, following.priority
      from endpoint
     cross join lateral (select live.endpoint_id, live.workspace_id, live.visible_at, live.priority
                           from kronos.execution_live as live
                          where live.claim_token is null
                            and live.visible_at < 'infinity'
                            and live.visible_at >= endpoint.since
                            and live.endpoint_id > endpoint.endpoint_id
                            and live.endpoint_id < endpoint.before_id
                          order by live.endpoint_id, kronos.queue_of(live.priority), live.visible_at
                          limit 1) as following
), waiting as (
    select endpoint.endpoint_id, endpoint.workspace_id,
           case when endpoint.priority is null then endpoint.visible_at
                else kronos.first_due(endpoint.endpoint_id, endpoint.since) end as visible_at
      from endpoint
    union all
    select known.endpoint_id, first.workspace_id, first.visible_at
      from known
     cross join lateral (select live.workspace_id, live.visible_at
                           from kronos.execution_live as live
                          where live.endpoint_id = known.endpoint_id and live.claim_token is null
                            and kronos.queue_of(live.priority) = 11
                            and live.visible_at < 'infinity' and live.visible_at >= known.floor
                          order by live.visible_at
                          limit 1) as first
    union all
    select known.endpoint_id, ranked.workspace_id, kronos.first_due(known.endpoint_id, known.floor)
      from known
     cross join lateral (select live.workspace_id
                           from kronos.execution_live as live
                          where live.endpoint_id = known.endpoint_id and live.claim_token is null
                            and kronos.queue_of(live.priority) < 11
                            and live.visible_at < 'infinity' and live.visible_at >= known.floor
                          limit 1) as ranked
)
select waiting.endpoint_id, (extract(epoch from greatest(waiting.visible_at, kept_off.paused_until,
                                                         '1970-01-01 00:00:00+00')
                                     - kronos.now()) * 1000)::double precision as due_in_ms,
       greatest(waiting.visible_at, '1970-01-01 00:00:00+00') as due_at, waiting.workspace_id
  from waiting
 cross join lateral (select workspace.status
                       from kronos.workspaces as workspace
                      where workspace.workspace_id = waiting.workspace_id
                      -- limit: one look into the index each, whatever the planner believes of the workspaces
                      limit 1) as workspace
  left join lateral (select gate.paused_until      -- slowed down or disabled
                       from kronos.endpoint_health as health
                       join kronos.endpoint_gate as gate on gate.endpoint_id = health.endpoint_id
                      where health.endpoint_id = waiting.endpoint_id and health.state <> 'ACTIVE'
                      limit 1) as kept_off on true
 where workspace.status = 'ACTIVE'
   and kept_off.paused_until is distinct from 'infinity'
   and not kronos.is_held()
   and (not (select kronos.has_worker_groups())
        or exists (select from kronos.endpoint_gate as gate where gate.endpoint_id = waiting.endpoint_id));

-- name: upkeep
-- What dead workers held: due again, or FAILED; what waited for another run of its job, and need not any
-- more; and backfills' next executions, null while none is RUNNING. One row of counts.
select requeued, failed, released, backfilled from kronos.upkeep(%(limit)s, %(all_leases)s, false);

-- name: claim_executions
-- Up to quota due executions of each endpoint, leased to this worker under %(claim_token)s. The attempt is on
-- disk, with its lease, before anything is sent. Waits for nobody: a limited endpoint's gate is its mutex and
-- exact counter, and one that is locked is being served by another claimer (open_gates); unlimited endpoints'
-- gates are only read. One on trial (trial_seconds) is limited to one delivery at a time, each so long after
-- the one before, whatever becomes of that. Nothing of a suspended workspace, whose status alone says so: no
-- gate has to remember; nor of a cancelled job whose executions are being ended (cancelled_jobs); nor what is
-- past its deadline. Of those with a concurrency_key pick_keyed says what may be taken. The floor is a hint
-- that skips the dead beginning of the index; '-infinity' every few seconds. Of an endpoint with executions
-- of several priorities claim_shares says how many of each are taken; of others, nearly all, the queue of
-- priority 0 (11) is all there is. What is counted at the gates is what was claimed, not what was due: what
-- came since this began pick_keyed sees, and this does not. Where the gate names a version (use: latest),
-- what is claimed is made of that one; its timeout and attempts stay as they were.
-- A row without an execution says of an endpoint that its limit kept it from giving more, and for how long.
with wanted as materialized (
    select endpoint_id, quota, kronos.floor_of(floor) as floor, kronos.floor_of(rank) as rank
      from unnest(%(endpoint_ids)s::uuid[], %(quotas)s::integer[], %(floors)s::timestamptz[],
                  %(ranks)s::timestamptz[]) as wanted (endpoint_id, quota, floor, rank)
     where not kronos.is_held()
), open as materialized (
    select gate.endpoint_id, wanted.floor, wanted.rank, gate.latest_version, wanted.quota,
           coalesce(max_in_flight, rate_count, max_concurrency, trial_seconds, key_max) is not null
               as is_limited,
           key_max
      from wanted
      join kronos.endpoint_gate as gate using (endpoint_id)
      join kronos.workspaces as workspace using (workspace_id)
     where gate.paused_until <= kronos.now() and workspace.status = 'ACTIVE'
), limited as materialized (      -- nothing is called where there are none
    select room.*
      from (select array_agg(endpoint_id) as ids, array_agg(quota) as quotas, array_agg(floor) as floors
              from open
             where is_limited
            having count(*) > 0) as asked
     cross join lateral kronos.open_gates(asked.ids, asked.quotas, asked.floors) as room
), gate as materialized (
    select endpoint_id, floor, rank, latest_version, quota as room, false as is_counted, key_max
      from open
     where not is_limited
    union all
    select endpoint_id, open.floor, open.rank, open.latest_version, limited.room, limited.is_counted, key_max
      from limited
      join open using (endpoint_id)
), queue as materialized (
    select gate.*, coalesce(share.queue, 11) as queue, coalesce(share.due_from, gate.floor) as due_from,
           case when share.queue is null then greatest(room, 0) else share.executions end as quota
      from gate
      left join lateral (select *
                           from kronos.claim_shares(gate.endpoint_id, gate.floor, gate.rank, gate.room)
                          where (select true
                                   from kronos.execution_live as live
                                  where live.endpoint_id = gate.endpoint_id and claim_token is null
                                    and kronos.queue_of(priority) < 11
                                  limit 1)
                         offset 0) as share on true
     where key_max is null
), due as materialized (
    select picked.execution_id, visible_at, queue.endpoint_id, null as key, is_counted, latest_version
      from queue
     cross join lateral (select live.execution_id, live.visible_at
                           from kronos.execution_live as live
                          where live.endpoint_id = queue.endpoint_id and claim_token is null
                            and kronos.queue_of(priority) = queue.queue
                            and live.visible_at <= kronos.now() and live.visible_at >= queue.due_from
                            and coalesce(deadline_at, 'infinity') > kronos.now()
                            and job_id not in (select job_id from kronos.cancelled_jobs)
                          order by live.visible_at
                          limit queue.quota
                            for update skip locked) as picked
     union all
    select picked.*, is_counted, latest_version
      from gate
     cross join lateral kronos.pick_keyed(endpoint_id, room) as picked
     where key_max > 0
), claimed as (
    update kronos.execution_live as live
       set claim_token   = %(claim_token)s,
           worker_id     = %(worker_id)s,
           claimed_at    = kronos.now(),
           started_at    = coalesce(started_at, kronos.now()),
           holds_slot    = due.is_counted,
           endpoint_version = greatest(due.latest_version, live.endpoint_version),
           concurrency_key = key,
           attempt_count = attempt_count + 1,
           visible_at    = kronos.now() + make_interval(
               secs => greatest(timeout_ms::bigint + %(margin_ms)s, %(shortest_lease_ms)s) / 1000.0
           )
      from due
     where live.execution_id = due.execution_id
    returning live.execution_id, workspace_id, job_id, live.endpoint_id, endpoint_version, attempt_count,
              max_attempts, kronos.finite(scheduled_at) as scheduled_at, timeout_ms, holds_slot, input,
              greatest(due.visible_at, '1970-01-01 00:00:00+00') as due_at, priority,
              null::double precision as opens_in_ms
), short as materialized (
    select counted.*
      from (select array_agg(endpoint_id) as ids, array_agg(room) as rooms, array_agg(bound) as bounds,
                   array_agg(is_counted) as are_counted,
                   array_agg((select count(*) from claimed
                               where claimed.endpoint_id = limited.endpoint_id)::integer) as taken
              from limited
            having count(*) > 0) as done
     cross join lateral kronos.count_claimed(ids, taken, rooms, are_counted, bounds) as counted
)
select * from claimed
 union all
select null, workspace_id, null, endpoint_id, null, null, null, null, null, null, null, null, null,
       opens_in_ms
  from short;

-- name: list_unwanted
-- Of claims whose deliveries are under way, those that need not go on: the execution was cancelled, or the
-- token does not hold it any more (a newer run has replaced it, the lease had run out).
select held.execution_id, held.claim_token
  from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[]) as held (execution_id, claim_token)
 where not exists (select
                     from kronos.execution_live as live
                    where live.execution_id = held.execution_id
                      and live.claim_token is not distinct from held.claim_token
                      and live.cancel_reason is null);

-- name: recover_claim
-- After a claim whose answer was lost: what that very claim took.
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, attempt_count, max_attempts,
       kronos.finite(scheduled_at) as scheduled_at, timeout_ms, holds_slot, input, claimed_at as due_at,
       priority, null::double precision as opens_in_ms
  from kronos.execution_live
 where claim_token = %(claim_token)s
   and endpoint_id = any (%(endpoint_ids)s::uuid[]);

-- name: get_endpoint_versions
-- What deliveries are made of; a version never changes, so the worker keeps it.
select made_of.endpoint_id, made_of.version, endpoint.type, spec_of.spec, spec_of.retry_policy,
       made_of.workspace_id, made_of.secrets, made_of.signing_secrets, config.content as config
  from unnest(%(endpoint_ids)s::uuid[], %(versions)s::integer[]) as wanted (endpoint_id, version)
  join kronos.endpoint_versions as made_of using (endpoint_id, version)
  join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
   and spec_of.version = coalesce(made_of.spec_version, made_of.version)
  join kronos.endpoints as endpoint on endpoint.endpoint_id = made_of.endpoint_id
  left join kronos.document_versions as config on config.document_id = made_of.config_id
   and config.version = made_of.config_version;

-- name: get_run_facts
-- Of executions whose templates name them: what the claim does not carry.
select execution_id, cause, job_name, scheduled_local from kronos.run_facts(%(execution_ids)s::uuid[]);

-- name: get_secrets
-- The secrets of these names, sealed. What is missing is not there.
select secret.workspace_id, secret.name, secret.version, secret.key_id, secret.nonce, secret.ciphertext
  from unnest(%(workspace_ids)s::uuid[], %(names)s::text[]) as wanted (workspace_id, name)
  join kronos.secrets as secret using (workspace_id, name);

-- name: finalize_successes
-- Ends the successes of a batch, each only where its token still holds, in the fewest steps: it is what
-- nearly every delivery comes to: an execution's only attempt is kept in its row. Those of limited endpoints
-- are finalize_limited_successes'. Left to finalize_executions are those that hold a slot unknown to the
-- worker, those of endpoints that are watched because they failed, and so is
-- a whole batch one of which the history has already (23505). Returns what it has not ended. One statement:
-- all of the others, or nothing. Locks executions in ascending order: each is deleted where it is found.
with result as materialized (
    select *
      from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[], %(duration_ms)s::integer[],
                  %(requests)s::jsonb[], %(responses)s::jsonb[])
        as result (execution_id, claim_token, duration_ms, request, response)
     order by execution_id
), ended as (
    delete from kronos.execution_live as live
     using result
     where live.execution_id = result.execution_id
       and live.claim_token is not distinct from result.claim_token
       and not live.holds_slot
       and (select health.is_watched
              from kronos.endpoint_health as health
             where health.endpoint_id = live.endpoint_id and health.is_watched
             limit 1) is null
    returning live.execution_id, live.claim_token, live.workspace_id, live.job_id, live.endpoint_id,
              live.endpoint_version, live.cause, live.scheduled_at, live.run_at, live.created_at,
              live.started_at, live.claimed_at, live.attempt_count, live.max_attempts, live.worker_id,
              live.input, live.backfill_id, live.priority, result.duration_ms, result.request,
              result.response,
              live.attempt_count = 1 and live.started_at is not distinct from live.claimed_at as is_only
), archived as (      -- kronos.archived, spelt out, and the only attempt with it
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, status, scheduled_at, run_at, created_at, started_at,
                                       attempt_count, max_attempts, worker_id, input, output, backfill_id,
                                       attempt_token, attempt_ms, attempt_request, priority)
    select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'SUCCESS', scheduled_at,
           run_at, created_at, started_at, attempt_count, max_attempts, worker_id, input, response,
           backfill_id, case when is_only then claim_token end, case when is_only then duration_ms end,
           case when is_only then request end, priority
      from ended
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                duration_ms, worker_id, request, response, endpoint_version)
    select execution_id, claim_token, workspace_id, attempt_count, 'SUCCESS', claimed_at, duration_ms,
           worker_id, request, response, endpoint_version
      from ended
     where not is_only
)
select execution_id from result where execution_id not in (select execution_id from ended);

-- name: finalize_limited_successes
-- finalize_successes, for executions that hold slots (endpoints with a limit): their gates are locked after
-- them, ids ascending, and have the slots back. Those of endpoints that are watched are left to
-- finalize_executions, as there.
with result as materialized (
    select *
      from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[], %(duration_ms)s::integer[],
                  %(requests)s::jsonb[], %(responses)s::jsonb[])
        as result (execution_id, claim_token, duration_ms, request, response)
     order by execution_id
), ended as (
    delete from kronos.execution_live as live
     using result
     where live.execution_id = result.execution_id
       and live.claim_token is not distinct from result.claim_token
       and live.holds_slot
       and (select health.is_watched
              from kronos.endpoint_health as health
             where health.endpoint_id = live.endpoint_id and health.is_watched
             limit 1) is null
    returning live.execution_id, live.claim_token, live.workspace_id, live.job_id, live.endpoint_id,
              live.endpoint_version, live.cause, live.scheduled_at, live.run_at, live.created_at,
              live.started_at, live.claimed_at, live.attempt_count, live.max_attempts, live.worker_id,
              live.input, live.backfill_id, live.priority, result.duration_ms, result.request,
              result.response,
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
), released as (
    update kronos.endpoint_gate as gate
       set in_flight = gate.in_flight - slot.executions
      from slot
     where gate.endpoint_id = slot.endpoint_id
), archived as (      -- as there
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, status, scheduled_at, run_at, created_at, started_at,
                                       attempt_count, max_attempts, worker_id, input, output, backfill_id,
                                       attempt_token, attempt_ms, attempt_request, priority)
    select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'SUCCESS', scheduled_at,
           run_at, created_at, started_at, attempt_count, max_attempts, worker_id, input, response,
           backfill_id, case when is_only then claim_token end, case when is_only then duration_ms end,
           case when is_only then request end, priority
      from ended
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                duration_ms, worker_id, request, response, endpoint_version)
    select execution_id, claim_token, workspace_id, attempt_count, 'SUCCESS', claimed_at, duration_ms,
           worker_id, request, response, endpoint_version
      from ended
     where not is_only
)
select execution_id from result where execution_id not in (select execution_id from ended);

-- name: finalize_executions
-- Ends a batch of attempts, each only where its token still holds: the execution goes to its history, or is
-- due again after its backoff, counted from now; one that was cancelled meanwhile is not due again, but
-- CANCELLED. An attempt that its worker's end has cut off (is_cut_off) counts among those that were lost with
-- their worker (max_crashes). Nothing is due again that would be older than max_age_ms then, counted from
-- run_at; and what is, has that instant as its deadline, so that no claim takes it later, whatever kept it
-- waiting. What an outcome means for its endpoint says note_outcomes, under the lock of the gate; where one
-- is noted it gives back all slots of the batch (released runs in any case, as what changes something does,
-- and asks for noted).
-- A run that its history has already (a pointer set back by hand, a restored copy) leaves it as it is: its
-- attempt is recorded, and its row goes. One statement: all of the batch, or nothing. What it does not return
-- was ended before (judge_unapplied says by whom).
-- Lock order: executions ascending, then gates ascending, then workspaces' gates ascending. "is not distinct
-- from" on purpose: with "=" the planner takes the index of all leases for each row.
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
                when not is_retryable or attempt_count >= max_attempts or is_too_old then 'FAILED'
                when is_cut_off and crashes >= max_crashes then 'FAILED'
                when cancel_reason is not null then 'CANCELLED'
                else 'RETRY'
           end as verdict
      from result
     cross join lateral (select live.*,
                                kronos.now() > live.run_at + interval '1 ms' * (max_age_ms - retry_ms)
                                    as is_too_old,
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
                   bool_or(bool_or(is_noted)) over () as is_noted      -- by one of the two that change gates
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
     where live.execution_id = held.execution_id and verdict <> 'RETRY'
), archived as (
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, status, status_reason, scheduled_at, run_at, created_at,
                                       started_at, attempt_count, max_attempts, worker_id, input, output,
                                       error, backfill_id, priority)
    select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, verdict,
           case verdict when 'FAILED' then
                        kronos.failure_reason(status, is_retryable, attempt_count >= max_attempts,
                                                   is_too_old, is_cut_off, max_age_ms, new_error)
                        when 'CANCELLED' then cancel_reason
           end,
           scheduled_at, run_at, created_at, started_at, attempt_count, max_attempts, worker_id, input,
           case when verdict = 'SUCCESS' then response end, case when verdict <> 'SUCCESS' then new_error end,
           backfill_id, priority
      from held
     where verdict <> 'RETRY'
        on conflict (execution_id) do nothing
), again as (
    update kronos.execution_live as live
       set claim_token = null, worker_id = null, claimed_at = null, holds_slot = false,
           error = new_error, crashes = live.crashes + held.is_cut_off::integer,
           deadline_at = least(live.deadline_at, live.run_at + interval '1 ms' * max_age_ms),
           is_age_limited = max_age_ms > 0,
           visible_at = kronos.now() + interval '1 ms' * retry_ms
      from held
     where live.execution_id = held.execution_id and verdict = 'RETRY'
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                duration_ms, worker_id, request, response, error, endpoint_version)
    select execution_id, claim_token, workspace_id, attempt_count, status, claimed_at, duration_ms, worker_id,
           request, response, new_error, endpoint_version
      from held
)
select execution_id, verdict from held;

-- name: list_locked
-- Of these executions, those that another session has locked at this moment, or whose endpoint's or
-- workspace's gate, which finalize_executions wants, is: of those that failed (%(failed_ids)s), of limited
-- endpoints and of watched ones; or whose job's row is, which the end of a one-shot completes. Waits for
-- nobody.
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
-- For what finalize_executions did not return: ALREADY, our own earlier commit whose answer was lost; or
-- FENCED, the lease had run out, or a newer run has replaced it: kept as evidence.
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
-- Gives back claims that were never sent (shutdown): the attempt is not counted. They are due at once; one
-- that was cancelled meanwhile is CANCELLED.
with held as materialized (
    select live.*, jsonb_populate_record(live::kronos.execution_live, unclaimed) as whole
      from (select unnest(%(execution_ids)s::uuid[]) as execution_id order by 1) as wanted
     cross join lateral (select * from kronos.execution_live as live
                          where live.execution_id = wanted.execution_id
                            and live.claim_token = any (%(claim_tokens)s::uuid[])
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
     where live.execution_id = held.execution_id and held.cancel_reason is not null
), archived as (
    insert into kronos.execution_done
    select done.*
      from held
     cross join lateral kronos.archived(held.whole, 'CANCELLED', cancel_reason, null, error) as done
     where cancel_reason is not null
        on conflict (execution_id) do nothing      -- as finalize_executions
), again as (
    update kronos.execution_live as live
       set claim_token = null, worker_id = null, claimed_at = null, holds_slot = false,
           visible_at = kronos.now(), attempt_count = live.attempt_count - 1,
           started_at = case when live.attempt_count > 1 then live.started_at end
      from held
     where live.execution_id = held.execution_id and held.cancel_reason is null
)
select execution_id, case when cancel_reason is null then 'RELEASED' else 'CANCELLED' end as verdict
  from held;
