-- name: enter_validated
-- First in a transaction that makes something for an endpoint with a payload spec: against which of its
-- versions the inputs were validated (is_validated).
select set_config('kronos.validated', %(validated)s, true) as validated;

-- name: find_spec_of
-- The payload spec that an endpoint names. No row: none, or there is no such endpoint.
select spec.document_id, spec.version, spec.name, made_of.content
  from kronos.endpoints as endpoint
  join kronos.documents as spec on spec.document_id = endpoint.payload_spec_id
  join kronos.document_versions as made_of on made_of.document_id = spec.document_id
   and made_of.version = spec.version
 where endpoint.workspace_id = kronos.current_workspace_id()
   and endpoint.name = %(endpoint)s and endpoint.deleted_at is null;

-- name: get_schema
-- A version of a payload spec: what it was never changes. No row: the spec is gone, and its versions.
select content
  from kronos.document_versions
 where workspace_id = kronos.current_workspace_id()
   and document_id = %(document_id)s::uuid and version = %(version)s;

-- name: lock_endpoint
-- As lock_document: first where an endpoint is to name another payload spec. What it is to name is shared
-- before: who changes a document has that first, and then its endpoints.
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
-- The live jobs whose inputs a payload spec is for, or an endpoint's: how many, their inputs' bytes, and from
-- where on a later look finds what this one may not see.
select count(*) as jobs, coalesce(sum(pg_column_size(live.input)), 0)::bigint as bytes,
       kronos.write_horizon() as horizon
  from kronos.live_inputs(%(payload_spec)s::text, %(endpoint)s::text, null) as live;

-- name: list_inputs
-- The same jobs with their inputs, oldest first: all, or with %(horizon)s what count_inputs may not have
-- seen.
select live.job_id, live.name, live.endpoint, live.input::text as input
  from kronos.live_inputs(%(payload_spec)s::text, %(endpoint)s::text, %(horizon)s::bigint) as live
 order by live.created_at, live.job_id
 limit %(limit)s;
