-- name: insert_endpoint
-- No row: the name is taken.
with endpoint as (
    insert into kronos.endpoints (workspace_id, name, title, type)
    values (kronos.current_workspace_id(), %(name)s, %(title)s, %(type)s)
        on conflict (workspace_id, name) where deleted_at is null do nothing
    returning endpoint_id, workspace_id, version
), made_of as (
    insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                          max_attempts, max_crashes, secrets, signing_secrets)
    select endpoint_id, version, workspace_id, %(spec)s, %(retry_policy)s, %(timeout_ms)s, %(max_attempts)s,
           %(max_crashes)s, %(secrets)s, %(signing_secrets)s
      from endpoint
), gate as (
    insert into kronos.endpoint_gate (endpoint_id, workspace_id, max_in_flight)
    select endpoint_id, workspace_id, %(max_in_flight)s from endpoint
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, 'endpoint', %(idempotency_key)s, %(request_sha256)s, endpoint_id
      from endpoint
     where %(idempotency_key)s::text is not null
)
select endpoint_id, version from endpoint;

-- name: replace_endpoint
-- The next version; executions that exist keep theirs. No row: no such endpoint of this type, another version
-- than those in %(if_match)s, or one of those in %(if_none_match)s.
with endpoint as (
    update kronos.endpoints
       set version = version + 1, title = %(title)s, updated_at = kronos.now()
     where workspace_id = kronos.current_workspace_id()
       and name = %(name)s
       and type = %(type)s
       and deleted_at is null
       and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
       and version <> all (%(if_none_match)s::integer[])
    returning endpoint_id, workspace_id, version
), made_of as (
    insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                          max_attempts, max_crashes, secrets, signing_secrets)
    select endpoint_id, version, workspace_id, %(spec)s, %(retry_policy)s, %(timeout_ms)s, %(max_attempts)s,
           %(max_crashes)s, %(secrets)s, %(signing_secrets)s
      from endpoint
), gate as (
    update kronos.endpoint_gate as gate
       set max_in_flight = %(max_in_flight)s
      from endpoint
     where gate.endpoint_id = endpoint.endpoint_id
)
select endpoint_id, version from endpoint;

-- name: get_endpoint
select endpoint_id, workspace, name, title, type, version, null::text as payload_spec, null::text as config,
       spec, retry_policy, max_in_flight, signing_secrets, created_at, updated_at
  from kronos.endpoint_details
 where workspace_id = kronos.current_workspace_id() and name = %(name)s;

-- name: list_endpoints
-- The page's ids first, one more than it may have, of which as many are kept as are no more than %(bytes)s.
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
select endpoint_id, workspace, name, title, type, version, null::text as payload_spec, null::text as config,
       spec, retry_policy, max_in_flight, signing_secrets, created_at, updated_at, more_follow as _more
  from page
  join kronos.endpoint_details as endpoint on endpoint.endpoint_id = any (page.ids)
 where workspace_id = kronos.current_workspace_id()
 order by created_at desc, endpoint_id desc;

-- name: match_endpoint
-- First where an endpoint is deleted: that it is at one of the versions in %(if_match)s; null: any will do.
-- One row.
select kronos.match_endpoint(%(name)s, %(if_match)s::integer[]) as version;

-- name: delete_endpoint
-- One row. False: a live job or an unfinished execution uses it; null: no such endpoint.
select kronos.delete_endpoint(%(name)s) as is_deleted;
