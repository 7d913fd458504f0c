-- name: list_due_endpoints
-- Endpoints with something to claim, except those of suspended workspaces: a hint, never trusted. A loose
-- scan of execution_live_ready: 0.8 ms for 100 endpoints, 22 ms for 10,000. Checking their workspaces adds a
-- fifth to that, and saves a useless claim for each suspended one.
-- An endpoint in %(endpoint_ids)s is read from its floor on, and the others between them from
-- %(since_seconds)s ago on (null: from the beginning). The entries of delivered executions come first in the
-- index, and while a session reads in an old snapshot no vacuum removes them: 20,000 for one scan.
-- An endpoint's first entry has no priority if none of its executions has one; otherwise first_due checks
-- each of its queues. An endpoint with both kinds of work may be returned twice. If worker groups are used,
-- only the gates of the worker's groups are visible.
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
                      -- limit: one index lookup each, whatever the planner assumes about the workspaces
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
-- Executions that dead workers held: due again, or FAILED; runs that waited for another run of their job and
-- no longer need to; and the next executions of backfills, null while none is RUNNING. One row of counts.
select requeued, failed, released, backfilled from kronos.upkeep(%(limit)s, %(all_leases)s, false);

-- name: expire_leases
-- Only the part of upkeep that handles leases: if another part of upkeep fails, all of upkeep is undone.
select requeued, failed, 0 as released, null::integer as backfilled
  from kronos.expire_leases(%(limit)s, '-infinity');

-- name: claim_executions
-- Claim up to quota due executions of each endpoint, leased to this worker under %(claim_token)s. The attempt
-- and its lease are on disk before anything is sent. Does not wait: a limited endpoint's gate is its mutex
-- and exact counter, and a locked gate is being used by another claim (open_gates); the gates of unlimited
-- endpoints are only read. An endpoint on trial (trial_seconds) gets one delivery at a time, each so long
-- after the previous one, whatever its outcome.
-- Excluded are executions of a suspended workspace (only its status counts, gates need not know), of a
-- cancelled job whose executions are being ended (cancelled_jobs), and those past their deadline. take_keyed
-- decides which executions with a concurrency_key may be claimed.
-- The floor is a hint that skips the dead beginning of the index; '-infinity' every few seconds. For an
-- endpoint with executions of several priorities, claim_shares decides how many of each are claimed; the
-- others, nearly all, only have the queue of priority 0 (11). Gates count what was claimed, not what was due:
-- take_keyed sees executions that were created since this statement began, and this statement does not. If
-- the gate names a version (use: latest), the claimed executions use that version; their timeout and attempts
-- stay.
-- A locked row is updated at the place where it was found, without a second search by its key, which saves 1
-- us per row. A row that another session has changed since this began is elsewhere by then, and left to the
-- next claim.
-- A row without an execution means that the endpoint's limit prevented further claims, and for how long.
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
    -- not called if there are none
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
-- only if there are listeners
 where not (select kronos.is_watched())
    or (select kronos.note_claims(array_agg(workspace_id), array_agg(execution_id)) from claimed)
 union all
select null, workspace_id, null, endpoint_id, null, null, null, null, null, null, null, null, null, null,
       opens_in_ms
  from short;

-- name: list_unwanted
-- Claims in progress whose delivery should stop: the execution was cancelled, or the token no longer holds it
-- (a newer run has replaced it, or the lease had expired).
select held.execution_id, held.claim_token
  from unnest(%(execution_ids)s::uuid[], %(claim_tokens)s::uuid[]) as held (execution_id, claim_token)
 where not exists (select
                     from kronos.execution_live as live
                    where live.execution_id = held.execution_id
                      and live.claim_token is not distinct from held.claim_token
                      and live.cancel_reason is null);

-- name: recover_claim
-- After a claim whose answer was lost: the executions that it claimed.
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, attempt_count, max_attempts,
       kronos.finite(scheduled_at) as scheduled_at, timeout_ms, holds_slot, input, claimed_at as due_at,
       priority, ctid::text as place, null::float8 as opens_in_ms
  from kronos.execution_live
 where claim_token = %(claim_token)s
   and endpoint_id = any (%(endpoint_ids)s::uuid[]);

-- name: get_endpoint_versions
-- The versions from which deliveries are built. A version never changes, so the worker caches it.
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
-- Facts that the claim does not return, for executions whose templates use them.
select execution_id, cause, job_name, scheduled_local from kronos.run_facts(%(execution_ids)s::uuid[]);

-- name: get_trace_facts
-- Facts that the claim does not return, for executions whose deliveries are traced.
select execution_id, cause, created_at, claimed_at, traceparent, is_part
  from kronos.trace_facts(%(execution_ids)s::uuid[]);

-- name: get_secrets
-- The encrypted secrets with these names. Missing ones have no row.
select secret.workspace_id, secret.name, secret.version, secret.key_id, secret.nonce, secret.ciphertext
  from unnest(%(workspace_ids)s::uuid[], %(names)s::text[]) as wanted (workspace_id, name)
  join kronos.secrets as secret using (workspace_id, name);
