-- name: insert_document
-- No row: the name is taken.
with document as (
    insert into kronos.documents (workspace_id, kind, name)
    values (kronos.current_workspace_id(), %(kind)s, %(name)s)
        on conflict (workspace_id, kind, name) where deleted_at is null do nothing
    returning document_id, workspace_id, version
), made_of as (
    insert into kronos.document_versions (document_id, version, workspace_id, content)
    select document_id, version, workspace_id, %(content)s from document
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, lower(%(kind)s), %(idempotency_key)s, %(request_sha256)s, document_id
      from document
     where %(idempotency_key)s::text is not null
)
select document_id, version from document;

-- name: get_document
-- jobs_left: for a calendar, the jobs that have yet to follow its version.
select document.document_id, workspace.slug as workspace, document.name, document.version, made_of.content,
       document.created_at, document.updated_at, kronos.jobs_to_move(document.document_id) as jobs_left
  from kronos.documents as document
  join kronos.document_versions as made_of using (document_id, version)
  join kronos.workspaces as workspace on workspace.workspace_id = document.workspace_id
 where document.workspace_id = kronos.current_workspace_id()
   and document.kind = %(kind)s and document.name = %(name)s and document.deleted_at is null;

-- name: list_documents
-- First the ids of the page, plus one, of which only as many rows are returned as fit into %(bytes)s.
with found as materialized (
    select array(
           select document.document_id
             from kronos.documents as document
            where document.workspace_id = kronos.current_workspace_id()
              and document.kind = %(kind)s
              and document.deleted_at is null
              and (document.created_at, document.document_id)
                  < (case when %(before_created_at)s::timestamptz is null then 'infinity'
                          else %(before_created_at)s::timestamptz end,
                     case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                          else %(before_id)s::uuid end)
            order by document.created_at desc, document.document_id desc
            limit %(limit)s::integer + 1) as ids
), page as materialized (
    select kept.ids, cardinality(kept.ids) < cardinality(found.ids) as more_follow
      from found
     cross join lateral kronos.fitting_documents(found.ids, %(limit)s::integer,
                                                 %(bytes)s::integer) as kept (ids)
)
select document.document_id, workspace.slug as workspace, document.name, document.version, made_of.content,
       document.created_at, document.updated_at, kronos.jobs_to_move(document.document_id) as jobs_left,
       page.more_follow as _more
  from page
  join kronos.documents as document on document.document_id = any (page.ids)
  join kronos.document_versions as made_of using (document_id, version)
  join kronos.workspaces as workspace on workspace.workspace_id = document.workspace_id
 where document.workspace_id = kronos.current_workspace_id()
 order by document.created_at desc, document.document_id desc;

-- name: lock_document
-- First statement of a change: the document's version, after every session that reads it for an endpoint or a
-- job has ended. Later statements of the transaction see the rows that those wrote. No row: no document has
-- the name.
select document_id, version
  from kronos.documents
 where workspace_id = kronos.current_workspace_id()
   and kind = %(kind)s and name = %(name)s and deleted_at is null
   for update;

-- name: replace_document
-- Store the next version, after lock_document. Each endpoint that names a config gets its own next version
-- with it, in ascending order, which refers to the previous one for everything but the config; existing
-- executions keep theirs. No row: its version is not in %(if_match)s or is in %(if_none_match)s, or its
-- endpoints are not those that were checked (%(uses)s, %(versions)s; null: any).
with document as (
    update kronos.documents as document
       set version = version + 1, updated_at = kronos.now()
     where workspace_id = kronos.current_workspace_id()
       and kind = %(kind)s
       and name = %(name)s
       and deleted_at is null
       and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
       and version <> all (%(if_none_match)s::integer[])
       and (%(uses)s::bigint is null
            or (%(uses)s::bigint, %(versions)s::bigint) = (
                    select count(*), coalesce(sum(endpoint.version), 0)
                      from kronos.endpoints as endpoint
                     where endpoint.config_id = document.document_id and endpoint.deleted_at is null
                   ))
    returning document_id, workspace_id, version, kind
), made_of as (
    insert into kronos.document_versions (document_id, version, workspace_id, content)
    select document_id, version, workspace_id, %(content)s from document
), named as materialized (
    select endpoint.endpoint_id, document.version as config_version
      from document
      join kronos.endpoints as endpoint on endpoint.config_id = document.document_id
     where document.kind = 'CONFIG' and endpoint.deleted_at is null
     order by endpoint.endpoint_id
       for no key update of endpoint
), endpoint as (
    update kronos.endpoints as endpoint
       set version = endpoint.version + 1, updated_at = kronos.now()
      from named
     where endpoint.endpoint_id = named.endpoint_id
    returning endpoint.endpoint_id, endpoint.workspace_id, endpoint.version, named.config_version
), next as (
    insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                          max_attempts, max_crashes, config_id, config_version, secrets,
                                          signing_secrets, spec_version)
    select endpoint.endpoint_id, endpoint.version, endpoint.workspace_id, 'null', 'null', before.timeout_ms,
           before.max_attempts, before.max_crashes, before.config_id, endpoint.config_version, before.secrets,
           before.signing_secrets, coalesce(before.spec_version, before.version)
      from endpoint
      join kronos.endpoint_versions as before on before.endpoint_id = endpoint.endpoint_id
       and before.version = endpoint.version - 1
), latest as materialized (      -- in ascending order, like finalize_executions, for any plan
    select gate.endpoint_id, endpoint.version
      from endpoint
      join kronos.endpoint_gate as gate using (endpoint_id)
     where gate.latest_version is not null
     order by gate.endpoint_id
       for no key update of gate
), gate as (
    update kronos.endpoint_gate as gate
       set latest_version = latest.version
      from latest
     where gate.endpoint_id = latest.endpoint_id
)
select document_id, version from document;

-- name: match_document
-- First statement of a deletion: checks that the document is at one of the versions in %(if_match)s (null:
-- any). One row.
select kronos.match_document(%(kind)s, %(name)s, %(if_match)s::integer[]) as version;

-- name: delete_document
-- One row. False: an endpoint names it; null: no such document.
select kronos.delete_document(%(kind)s, %(name)s) as is_deleted;

-- name: list_users
-- The endpoints that name a document, up to %(limit)s, and their templates.
select endpoint.name, endpoint.version, spec_of.spec
  from kronos.documents as document
 cross join lateral (select named.endpoint_id
                       from kronos.endpoints as named
                      where named.config_id = document.document_id and named.deleted_at is null
                      union all
                     select named.endpoint_id
                       from kronos.endpoints as named
                      where named.payload_spec_id = document.document_id
                        and named.deleted_at is null) as named
  join kronos.endpoints as endpoint on endpoint.endpoint_id = named.endpoint_id
  join kronos.endpoint_versions as made_of on made_of.endpoint_id = endpoint.endpoint_id
   and made_of.version = endpoint.version
  join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
   and spec_of.version = coalesce(made_of.spec_version, made_of.version)
 where document.workspace_id = kronos.current_workspace_id()
   and document.kind = %(kind)s and document.name = %(name)s and document.deleted_at is null
 order by endpoint.name
 limit %(limit)s;
