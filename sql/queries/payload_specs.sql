-- name: enter_validated
-- First statement of a transaction that creates something for an endpoint with a payload spec: the version of
-- the spec against which the inputs were validated (is_validated).
select set_config('kronos.validated', %(validated)s, true) as validated;

-- name: find_spec_of
-- The payload spec that an endpoint names. No row: none, or no such endpoint.
select spec.document_id, spec.version, spec.name, made_of.content
  from kronos.endpoints as endpoint
  join kronos.documents as spec on spec.document_id = endpoint.payload_spec_id
  join kronos.document_versions as made_of on made_of.document_id = spec.document_id
   and made_of.version = spec.version
 where endpoint.workspace_id = kronos.current_workspace_id()
   and endpoint.name = %(endpoint)s and endpoint.deleted_at is null;

-- name: get_schema
-- A version of a payload spec, which never changes. No row: the spec and its versions are gone.
select content
  from kronos.document_versions
 where workspace_id = kronos.current_workspace_id()
   and document_id = %(document_id)s::uuid and version = %(version)s;

-- name: lock_endpoint
-- As lock_document: first statement of a change of an endpoint's payload spec. The new spec is locked,
-- shared, before it, because a change of a document locks the document first, then its endpoints.
with named as materialized (
    select kronos.named_document('CONFIG', %(config)s::text, %(config_version)s::integer) as config_id,
           kronos.named_document('PAYLOAD_SPEC', %(payload_spec)s::text,
                                 %(payload_spec_version)s::integer) as payload_spec_id
)
select endpoint.endpoint_id, endpoint.version
  from named
 cross join lateral (select each.endpoint_id, each.version
                       from kronos.endpoints as each
                      where each.workspace_id = kronos.current_workspace_id()
                        and each.name = %(name)s and each.deleted_at is null
                        and (named.config_id is not null or %(config)s::text is null)
                        for update) as endpoint;

-- name: count_inputs
-- The live jobs whose inputs a payload spec, or an endpoint's, validates: their number, the bytes of their
-- inputs, and the point from which a later query finds the jobs that this one may not see.
select count(*) as jobs, coalesce(sum(pg_column_size(live.input)), 0)::bigint as bytes,
       kronos.write_horizon() as horizon
  from kronos.live_inputs(%(payload_spec)s::text, %(endpoint)s::text, null) as live;

-- name: list_inputs
-- The same jobs with their inputs, oldest first: all or, with %(horizon)s, those that count_inputs may not
-- have seen.
select live.job_id, live.name, live.endpoint, live.input::text as input
  from kronos.live_inputs(%(payload_spec)s::text, %(endpoint)s::text, %(horizon)s::bigint) as live
 order by live.created_at, live.job_id
 limit %(limit)s;
