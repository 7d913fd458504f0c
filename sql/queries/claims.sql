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

-- name: expire_leases
-- What upkeep does about leases, alone: where another part of upkeep fails, nothing of it is done.
select requeued, failed, 0 as released, null::integer as backfilled
  from kronos.expire_leases(%(limit)s, '-infinity');

-- name: claim_executions
-- Up to quota due executions of each endpoint, leased to this worker under %(claim_token)s. The attempt is on
-- disk, with its lease, before anything is sent. Waits for nobody: a limited endpoint's gate is its mutex and
-- exact counter, and one that is locked is being served by another claimer (open_gates); unlimited endpoints'
-- gates are only read. One on trial (trial_seconds) is limited to one delivery at a time, each so long after
-- the one before, whatever becomes of that. Nothing of a suspended workspace, whose status alone says so: no
-- gate has to remember; nor of a cancelled job whose executions are being ended (cancelled_jobs); nor what is
-- past its deadline. Of those with a concurrency_key take_keyed says what may be taken. The floor is a hint
-- that skips the dead beginning of the index; '-infinity' every few seconds. Of an endpoint with executions
-- of several priorities claim_shares says how many of each are taken; of others, nearly all, the queue of
-- priority 0 (11) is all there is. What is counted at the gates is what was claimed, not what was due: what
-- came since this began take_keyed sees, and this does not. Where the gate names a version (use: latest),
-- what is claimed is made of that one; its timeout and attempts stay as they were.
-- What was locked is changed where it was found (place), without a second look by its key, 1 us for each. A
-- row that another has changed since this began is elsewhere then, and left to the next claim.
-- A row without an execution says of an endpoint that its limit kept it from giving more, and for how long.
with wanted as materialized (
    select endpoint_id, quota, kronos.floor_of(floor) as floor, kronos.floor_of(rank) as rank
      from unnest(%(endpoint_ids)s::uuid[], %(quotas)s::integer[], %(floors)s::timestamptz[],
                  %(ranks)s::timestamptz[]) as wanted (endpoint_id, quota, floor, rank)
     where not kronos.is_held()
), open as materialized (
    select gate.endpoint_id, floor, rank, latest_version, quota,
           coalesce(max_in_flight, rate_count, max_concurrency, trial_seconds, key_max) is not null
               as is_limited, key_max
      from wanted
      join kronos.endpoint_gate as gate using (endpoint_id)
      join kronos.workspaces as workspace using (workspace_id)
     where gate.paused_until <= kronos.now() and workspace.status = 'ACTIVE'
), limited as materialized (
    -- nothing is called where there are none
    select room.*
      from (select array_agg(endpoint_id) as ids, array_agg(quota) as quotas, array_agg(floor) as floors
              from open
             where is_limited
            having count(*) > 0) as asked
     cross join lateral kronos.open_gates(asked.ids, asked.quotas, asked.floors) as room
), gate as materialized (
    select open.*, quota as room, false as is_counted
      from open
     where not is_limited
    union all
    select open.*, room, is_counted
      from limited
      join open using (endpoint_id)
), queue as materialized (
    select gate.*, coalesce(share.queue, 11) as queue, coalesce(share.due_from, gate.floor) as due_from,
           case when share.queue is null then greatest(room, 0) else share.executions end as most
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
    select place, visible_at, null as key, is_counted, latest_version
      from queue
     cross join lateral (select live.ctid as place, visible_at
                           from kronos.execution_live as live
                          where live.endpoint_id = queue.endpoint_id and claim_token is null
                            and kronos.queue_of(priority) = queue.queue
                            and visible_at <= kronos.now() and visible_at >= queue.due_from
                            and coalesce(deadline_at, 'infinity') > kronos.now()
                            and job_id not in (select job_id from kronos.cancelled_jobs)
                          order by visible_at
                          limit queue.most
                            for update skip locked) as picked
     union all
    select taken.*, is_counted, latest_version
      from gate
     cross join lateral kronos.take_keyed(endpoint_id, room)
     cross join lateral unnest(places, times, keys) as taken (place, visible_at, key)
     where key_max > 0
), claimed as (
    update kronos.execution_live as live
       set claim_token = %(claim_token)s::uuid,
           worker_id = %(worker_id)s,
           claimed_at = kronos.now(),
           started_at = coalesce(started_at, kronos.now()),
           holds_slot = is_counted,
           endpoint_version = greatest(latest_version, endpoint_version),
           concurrency_key = key,
           attempt_count = attempt_count + 1,
           visible_at = kronos.now()
               + interval '1 ms' * greatest(timeout_ms::bigint + %(margin_ms)s, %(shortest_lease_ms)s)
      from due
     where live.ctid = due.place
    returning live.execution_id, workspace_id, job_id, live.endpoint_id, endpoint_version, attempt_count,
              max_attempts, kronos.finite(scheduled_at) as scheduled_at, timeout_ms, holds_slot, input,
              greatest(due.visible_at, 'epoch') as due_at, priority,
              live.ctid::text as place, null::float8 as opens_in_ms
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
select *
  from claimed
-- nothing more is done where nobody listens
 where not (select kronos.is_watched())
    or (select kronos.note_claims(array_agg(workspace_id), array_agg(execution_id)) from claimed)
 union all
select null, workspace_id, null, endpoint_id, null, null, null, null, null, null, null, null, null, null,
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
       priority, ctid::text as place, null::float8 as opens_in_ms
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

-- name: get_trace_facts
-- Of executions whose deliveries are traced: what the claim does not carry.
select execution_id, cause, created_at, claimed_at, traceparent, is_part
  from kronos.trace_facts(%(execution_ids)s::uuid[]);

-- name: get_secrets
-- The secrets of these names, sealed. What is missing is not there.
select secret.workspace_id, secret.name, secret.version, secret.key_id, secret.nonce, secret.ciphertext
  from unnest(%(workspace_ids)s::uuid[], %(names)s::text[]) as wanted (workspace_id, name)
  join kronos.secrets as secret using (workspace_id, name);
