-- name: get_execution
-- The reason of one that is due and not delivered is what its endpoint waits for, unless it has its own.
select {Execution}
  from kronos.read_executions(array[%(execution_id)s::uuid])
           as execution (execution_id, workspace_id, job_id, workspace, endpoint, endpoint_type, cause,
                         status, own_reason)
  left join lateral (select kronos.why_waits(live.endpoint_id) as detail
                       from kronos.execution_live as live
                      where live.execution_id = execution.execution_id
                        and execution.own_reason is null
                        and execution.status in ('QUEUED', 'RETRYING')
                        and execution.run_at <= kronos.clock()) as waits on true
 cross join lateral (select coalesce(execution.own_reason,
                                     case when waits.detail is not null
                                          then jsonb_build_object('code', 'waiting', 'detail', waits.detail)
                                     end) as status_reason) as told
  join kronos.links_of(array[%(execution_id)s::uuid]) as link using (execution_id)
 where workspace_id = kronos.current_workspace_id();

-- name: list_executions
-- First the ids of the page, plus one; then each row from the partition that its id names, up to %(bytes)s in
-- total.
with page as materialized (
    select array(
           select found.execution_id
             from kronos.find_executions(null::uuid[], %(status)s::text, %(scheduled_after)s::timestamptz,
                                         %(scheduled_before)s::timestamptz,
                                         %(before_created_at)s::timestamptz, %(before_id)s::uuid,
                                         %(limit)s::integer + 1) as found) as ids
)
select {Execution},
       count(*) over () < cardinality(page.ids) as _more
  from page
 cross join lateral kronos.read_execution_page(page.ids, %(limit)s::integer, %(bytes)s::integer) as execution
  join lateral kronos.links_of(page.ids) as link using (execution_id)
 where workspace_id = kronos.current_workspace_id()
 order by created_at desc, execution_id desc;

-- name: list_job_executions
-- As list_executions. %(job)s is a job's id, for that version, or its name, for all its versions. No row: it
-- has none, or there is no such job.
with page as materialized (
    select array(
           select found.execution_id
             from (select kronos.find_versions(%(job)s) as job_ids) as job
            cross join lateral kronos.find_executions(job.job_ids, %(status)s::text,
                                                      %(scheduled_after)s::timestamptz,
                                                      %(scheduled_before)s::timestamptz,
                                                      %(before_created_at)s::timestamptz,
                                                      %(before_id)s::uuid, %(limit)s::integer + 1) as found
            where job.job_ids is not null) as ids
)
select {Execution},
       count(*) over () < cardinality(page.ids) as _more
  from page
 cross join lateral kronos.read_execution_page(page.ids, %(limit)s::integer, %(bytes)s::integer) as execution
  join lateral kronos.links_of(page.ids) as link using (execution_id)
 where workspace_id = kronos.current_workspace_id()
 order by created_at desc, execution_id desc;

-- name: list_caused_executions
-- As list_executions, for executions that the end of %(caused_by)s triggered, of the job %(job)s (null: of
-- all jobs). They are few, and callbacks_by_cause has their ids.
with made as materialized (
    select array(select each.execution_id
                   from kronos.callbacks as each
                  where each.caused_by = %(caused_by)s
                    and each.workspace_id = kronos.current_workspace_id()) as ids
), page as materialized (
    select array(
           select found.execution_id
             from made
            cross join lateral kronos.read_executions(made.ids) as found
            where found.workspace_id = kronos.current_workspace_id()
              and (%(job)s::text is null or found.job_id = any (kronos.find_versions(%(job)s)))
              and (%(status)s::text is null or found.status = %(status)s)
              and (%(scheduled_after)s::timestamptz is null or found.scheduled_at > %(scheduled_after)s)
              and (%(scheduled_before)s::timestamptz is null or found.scheduled_at < %(scheduled_before)s)
              and (%(endpoint)s::text is null or found.endpoint = %(endpoint)s)
              and (%(q)s::text is null
                   or position(lower(%(q)s) in lower(concat_ws(' ', found.job_name, found.error ->> 'type',
                                                               found.error ->> 'message',
                                                               found.status_reason ->> 'code',
                                                               found.status_reason ->> 'detail'))) > 0
                   or starts_with(found.execution_id::text, lower(%(q)s)))
              and (%(before_id)s::uuid is null
                   or (found.created_at, found.execution_id)
                      < (%(before_created_at)s::timestamptz, %(before_id)s))
            order by found.created_at desc, found.execution_id desc
            limit %(limit)s::integer + 1) as ids
)
select {Execution},
       count(*) over () < cardinality(page.ids) as _more
  from page
 cross join lateral kronos.read_execution_page(page.ids, %(limit)s::integer, %(bytes)s::integer) as execution
  join lateral kronos.links_of(page.ids) as link using (execution_id)
 where workspace_id = kronos.current_workspace_id()
 order by created_at desc, execution_id desc;

-- name: list_found_executions
-- As list_executions, for an endpoint, or for executions that contain a text (found_executions); %(job)s as
-- in list_job_executions. If the search stopped before the list ended, each row has its position (_place_at,
-- _place_id), and there is a row without an execution if no other was found.
with found as materialized (
    select array_agg(found.execution_id order by found.nth) filter (where not found.is_place) as ids,
           max(found.created_at) filter (where found.is_place) as place_at,
           (array_agg(found.execution_id) filter (where found.is_place))[1] as place_id
      from (select kronos.find_versions(%(job)s) as job_ids) as job
     cross join lateral kronos.found_executions(
                            job.job_ids, %(status)s::text, %(scheduled_after)s::timestamptz,
                            %(scheduled_before)s::timestamptz, %(before_created_at)s::timestamptz,
                            %(before_id)s::uuid, %(endpoint)s::text, %(q)s::text, %(limit)s::integer + 1)
                        with ordinality as found (execution_id, created_at, is_place, nth)
     where %(job)s::text is null or job.job_ids is not null
), run as (
    select {Execution}
      from found
     cross join lateral kronos.read_execution_page(found.ids, %(limit)s::integer,
                                                   %(bytes)s::integer) as execution
      join lateral kronos.links_of(found.ids) as link using (execution_id)
     where workspace_id = kronos.current_workspace_id()
)
select {Execution of run}, count(run.execution_id) over () < cardinality(found.ids) as _more,
       found.place_at as _place_at, found.place_id as _place_id
  from found
  left join run on true
 order by run.created_at desc, run.execution_id desc;

-- name: list_attempts
-- Those after number %(after)s, up to %(bytes)s in total.
select {Attempt}, more_follow as _more
  from kronos.read_attempt_page(%(execution_id)s, %(after)s::integer, %(limit)s::integer, %(bytes)s::integer)
 where workspace_id = kronos.current_workspace_id()
 order by attempt_number;

-- name: list_last_attempts
-- The newest %(limit)s, without request and response.
select attempt_number, status, started_at, completed_at, duration_ms, null::jsonb as request,
       null::jsonb as response, error, worker_id, endpoint_version
  from (select tried.*
          from kronos.read_attempts(%(execution_id)s) as tried
         where tried.workspace_id = kronos.current_workspace_id()
         order by tried.attempt_number desc
         limit %(limit)s) as newest
 order by attempt_number;

-- name: cancel_execution
-- No row: it has ended, or does not exist. One that a worker is delivering is still RUNNING afterwards.
select %(execution_id)s::uuid as execution_id
 where kronos.cancel_execution(%(execution_id)s);

-- name: cancel_waiting
-- For a test whose caller stops waiting: cancelled if no worker has claimed it. No row: it is claimed, or has
-- ended.
with waiting as materialized (
    select execution_id
      from kronos.execution_live
     where execution_id = %(execution_id)s
       and workspace_id = kronos.current_workspace_id()
       and claim_token is null
       for update
)
select waiting.execution_id
  from waiting
 cross join lateral kronos.cancel_executions(array[waiting.execution_id],
                                             jsonb_build_object('code', 'cancelled', 'detail',
                                                                'no worker took it in time; health and usage '
                                                                'of the endpoint, and explain, say why'));

-- name: retry_execution
-- One row: null if a failed, cancelled or expired execution is due again under its own id; otherwise the
-- reason.
with retried as materialized (
    select kronos.retry_execution(%(execution_id)s, %(endpoint_version)s) as refusal
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select kronos.current_workspace_id(), 'retry', %(idempotency_key)s, %(request_sha256)s, %(execution_id)s
      from retried
     where refusal is null
       and %(idempotency_key)s::text is not null
)
select refusal from retried;
