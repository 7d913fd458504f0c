-- name: find_documents
-- Before an endpoint is written: the config and the payload spec that it is to name, with their contents and
-- the number of endpoints that name them.
select document.kind, document.document_id, document.version, made_of.content,
       (select count(*)
          from kronos.endpoints as endpoint
         where endpoint.config_id = document.document_id and endpoint.deleted_at is null)
       + (select count(*)
            from kronos.endpoints as endpoint
           where endpoint.payload_spec_id = document.document_id and endpoint.deleted_at is null) as users
  from (values ('CONFIG', %(config)s::text), ('PAYLOAD_SPEC', %(payload_spec)s::text)) as named (kind, name)
  join kronos.documents as document on document.workspace_id = kronos.current_workspace_id()
   and document.kind = named.kind and document.name = named.name and document.deleted_at is null
  join kronos.document_versions as made_of using (document_id, version);

-- name: insert_endpoint
-- No row: the name is taken, or a document that it names is not at the version with which it was validated.
with named as materialized (
    select kronos.named_document('CONFIG', %(config)s::text, %(config_version)s::integer) as config_id,
           kronos.named_document('PAYLOAD_SPEC', %(payload_spec)s::text,
                                 %(payload_spec_version)s::integer) as payload_spec_id
), endpoint as (
    insert into kronos.endpoints (workspace_id, name, title, type, config_id, payload_spec_id, on_disabled)
    select kronos.current_workspace_id(), %(name)s, %(title)s, %(type)s, named.config_id,
           named.payload_spec_id, %(on_disabled)s
      from named
     where (named.config_id is null) = (%(config)s::text is null)
       and (named.payload_spec_id is null) = (%(payload_spec)s::text is null)
        on conflict (workspace_id, name) where deleted_at is null do nothing
    returning endpoint_id, workspace_id, version, config_id
), made_of as (
    insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                          max_attempts, max_crashes, config_id, config_version, secrets,
                                          signing_secrets)
    select endpoint_id, version, workspace_id, %(spec)s, %(retry_policy)s, %(timeout_ms)s, %(max_attempts)s,
           %(max_crashes)s, config_id, %(config_version)s::integer, %(secrets)s, %(signing_secrets)s
      from endpoint
), gate as (
    insert into kronos.endpoint_gate (endpoint_id, workspace_id, max_in_flight, latest_version, rate_count,
                                      rate_seconds, rate_burst, worker_group, key_template, key_parts,
                                      key_max)
    select endpoint_id, workspace_id, %(max_in_flight)s, case when %(use)s = 'latest' then version end,
           %(rate_count)s, %(rate_seconds)s, %(rate_burst)s, %(group)s, %(key_template)s, %(key_parts)s,
           %(key_max)s
      from endpoint
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, 'endpoint', %(idempotency_key)s, %(request_sha256)s, endpoint_id
      from endpoint
     where %(idempotency_key)s::text is not null
)
select endpoint_id, version from endpoint;

-- name: replace_endpoint
-- Store the next version; existing executions keep theirs. No row: there is no such endpoint of this type,
-- its version is not in %(if_match)s or is in %(if_none_match)s, or a document that it names is not at the
-- version with which it was validated.
with named as materialized (
    select kronos.named_document('CONFIG', %(config)s::text, %(config_version)s::integer) as config_id,
           kronos.named_document('PAYLOAD_SPEC', %(payload_spec)s::text,
                                 %(payload_spec_version)s::integer) as payload_spec_id
), endpoint as (
    update kronos.endpoints
       set version = version + 1, title = %(title)s, updated_at = kronos.now(),
           config_id = named.config_id, payload_spec_id = named.payload_spec_id, on_disabled = %(on_disabled)s
      from named
     where (named.config_id is null) = (%(config)s::text is null)
       and (named.payload_spec_id is null) = (%(payload_spec)s::text is null)
       and workspace_id = kronos.current_workspace_id()
       and name = %(name)s
       and type = %(type)s
       and deleted_at is null
       and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
       and version <> all (%(if_none_match)s::integer[])
    returning endpoint_id, workspace_id, version, endpoints.config_id
), made_of as (
    insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                          max_attempts, max_crashes, config_id, config_version, secrets,
                                          signing_secrets)
    select endpoint_id, version, workspace_id, %(spec)s, %(retry_policy)s, %(timeout_ms)s, %(max_attempts)s,
           %(max_crashes)s, config_id, case when config_id is not null then %(config_version)s::integer end,
           %(secrets)s, %(signing_secrets)s
      from endpoint
), gate as (
    update kronos.endpoint_gate as gate
       set max_in_flight = %(max_in_flight)s,
           latest_version = case when %(use)s = 'latest' then endpoint.version end,
           -- deliveries that came at the previous rate stay counted
           rate_tokens = case when %(rate_count)s::integer is not null
                              then kronos.refilled(gate.rate_tokens, gate.rate_at, gate.rate_count,
                                                   gate.rate_seconds, gate.rate_burst, kronos.clock()) end,
           rate_at = kronos.clock(), rate_count = %(rate_count)s, rate_seconds = %(rate_seconds)s,
           rate_burst = %(rate_burst)s,
           worker_group = %(group)s,
           key_template = %(key_template)s, key_parts = %(key_parts)s, key_max = %(key_max)s
      from endpoint
     where gate.endpoint_id = endpoint.endpoint_id
)
select endpoint_id, version from endpoint;

-- name: get_endpoint
select {Endpoint}
  from kronos.endpoint_details
 where workspace_id = kronos.current_workspace_id() and name = %(name)s;

-- name: list_users
-- The live CRON jobs that deliver to an endpoint, newest first, up to %(limit)s, and their number, counted up
-- to 1,001. No row: none, or no such endpoint.
with named as materialized (
    select endpoint.endpoint_id
      from kronos.endpoints as endpoint
     where endpoint.workspace_id = kronos.current_workspace_id()
       and endpoint.name = %(name)s
       and endpoint.deleted_at is null
), live as materialized (
    select job.job_id, job.name, job.status, job.description, job.created_at
      from named
     cross join unnest(array['ACTIVE', 'PAUSED']) as wanted (status)
     cross join lateral (select each.job_id, each.name, each.status, each.description, each.created_at
                           from kronos.jobs as each
                          where each.endpoint_id = named.endpoint_id
                            and each.workspace_id = kronos.current_workspace_id()
                            and each.trigger = 'CRON'
                            and each.status = wanted.status
                          order by each.created_at desc, each.job_id desc
                          limit 1001) as job
)
select live.job_id, live.name, live.status, live.description,
       (select least(count(*), 1001)::integer from live as every) as total
  from live
 order by live.created_at desc, live.job_id desc
 limit %(limit)s;

-- name: list_endpoints
-- First the ids of the page, plus one, of which only as many rows are returned as fit into %(bytes)s.
with found as materialized (
    select array(
           select endpoint.endpoint_id
             from kronos.endpoints as endpoint
            where endpoint.workspace_id = kronos.current_workspace_id()
              and endpoint.deleted_at is null
              and (endpoint.created_at, endpoint.endpoint_id)
                  < (case when %(before_created_at)s::timestamptz is null then 'infinity'
                          else %(before_created_at)s::timestamptz end,
                     case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                          else %(before_id)s::uuid end)
            order by endpoint.created_at desc, endpoint.endpoint_id desc
            limit %(limit)s::integer + 1) as ids
), page as materialized (
    select kept.ids, cardinality(kept.ids) < cardinality(found.ids) as more_follow
      from found
     cross join lateral kronos.fitting_endpoints(found.ids, %(limit)s::integer,
                                                 %(bytes)s::integer) as kept (ids)
)
select {Endpoint}, more_follow as _more
  from page
  join kronos.endpoint_details as endpoint on endpoint.endpoint_id = any (page.ids)
 where workspace_id = kronos.current_workspace_id()
 order by created_at desc, endpoint_id desc;

-- name: match_endpoint
-- First statement of a deletion: checks that the endpoint is at one of the versions in %(if_match)s (null:
-- any). One row.
select kronos.match_endpoint(%(name)s, %(if_match)s::integer[]) as version;

-- name: delete_endpoint
-- One row. False: a live job, a callback of one or an unfinished execution uses it; null: no such endpoint.
select kronos.delete_endpoint(%(name)s) as is_deleted;

-- name: get_callers
-- The live jobs whose callbacks name an endpoint, and the alert rules that notify it, in words; null: none.
-- One row.
select kronos.callers_named(named.endpoint_id, null) as callers,
       kronos.rules_telling(named.endpoint_id) as rules
  from (select (select endpoint_id
                  from kronos.endpoints
                 where workspace_id = kronos.current_workspace_id()
                   and name = %(name)s
                   and deleted_at is null) as endpoint_id) as named;

-- name: enable_endpoint
-- One row: whether the endpoint exists.
select kronos.enable_endpoint(%(name)s) as is_there;

-- name: disable_endpoint
-- As enable_endpoint, with the caller and a note.
select kronos.disable_endpoint(%(name)s,
                               jsonb_strip_nulls(jsonb_build_object('code', 'by_hand',
                                                                    'detail', 'it was disabled by hand',
                                                                    'actor', %(actor)s::text,
                                                                    'note', %(note)s::text))) as is_there;

-- name: read_local_text
-- An instant as a zone's clocks show it, in the form of templates.
select kronos.local_text(%(at)s::timestamptz, kronos.check_zone(%(timezone)s::text)) as text;

-- name: trigger_test
-- Deliver once to an endpoint now, with at most one attempt: an execution like any other, without a job,
-- whose id marks it as a test. It expires when its caller no longer waits (%(seconds)s), so a test that a
-- dead process leaves behind is not delivered later. No row: no such endpoint, an input that was not
-- validated, or a suspended workspace.
with endpoint as materialized (
    select endpoint.endpoint_id, endpoint.workspace_id, endpoint.version
      from kronos.endpoints as endpoint
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
       and workspace.status = 'ACTIVE'
     where endpoint.workspace_id = kronos.current_workspace_id()
       and endpoint.name = %(name)s
       and endpoint.deleted_at is null
       -- one expression, so that it is set before it is read
       and case when set_config('kronos.validated', %(validated)s::text, true) is not null
                then endpoint.payload_spec_id is null
                     or kronos.is_validated(endpoint.endpoint_id, endpoint.payload_spec_id) end
       for key share of endpoint
), queued as (
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, created_at, visible_at, max_attempts,
                                       max_crashes, timeout_ms, input, deadline_at)
    select made.id, endpoint.workspace_id, made.id, endpoint.endpoint_id, endpoint.version, 'API',
           kronos.now(), kronos.now(), kronos.now(), kronos.now(), 1, 0, made_of.timeout_ms, %(input)s,
           kronos.now() + make_interval(secs => %(seconds)s)
      from endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
     cross join (select kronos.test_id(kronos.now()) as id) as made
    returning execution_id, workspace_id, endpoint_id
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, 'test', %(idempotency_key)s, %(request_sha256)s, execution_id
      from queued
     where %(idempotency_key)s::text is not null
)
select execution_id
  from queued
 where pg_notify('kronos_work', endpoint_id::text) is not null
   and kronos.note_made(array[execution_id]) > 0;
