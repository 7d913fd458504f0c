-- name: insert_calendar
-- As insert_document for a calendar, with the row that schedules query. No row: the name is taken.
with document as (
    insert into kronos.documents (workspace_id, kind, name)
    values (kronos.current_workspace_id(), 'CALENDAR', %(name)s)
        on conflict (workspace_id, kind, name) where deleted_at is null do nothing
    returning document_id, workspace_id, version, name
), made_of as (
    insert into kronos.document_versions (document_id, version, workspace_id, content)
    select document_id, version, workspace_id, %(content)s from document
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, 'calendar', %(idempotency_key)s, %(request_sha256)s, document_id
      from document
     where %(idempotency_key)s::text is not null
)
select document_id, version
  from document
 where kronos.store_calendar(document_id, workspace_id, name, version, %(compiled)s::jsonb) >= 0;

-- name: replace_calendar
-- Store the next version of a calendar, after lock_document. jobs_left: how many of the jobs that name it
-- have yet to follow. No row: its version is not in %(if_match)s, or is in %(if_none_match)s.
with document as (
    update kronos.documents as document
       set version = version + 1, updated_at = kronos.now()
     where workspace_id = kronos.current_workspace_id()
       and kind = 'CALENDAR' and name = %(name)s and deleted_at is null
       and (%(if_match)s::integer[] is null or version = any (%(if_match)s::integer[]))
       and version <> all (%(if_none_match)s::integer[])
    returning document_id, workspace_id, version, name
), made_of as (
    insert into kronos.document_versions (document_id, version, workspace_id, content)
    select document_id, version, workspace_id, %(content)s from document
)
select document_id, version,
       kronos.store_calendar(document_id, workspace_id, name, version, %(compiled)s::jsonb) as jobs_left
  from document;

-- name: move_further
-- Let some more of a calendar's jobs follow it. One row: how many did (0: nothing can be done at this
-- moment), and how many have yet to.
select done, jobs_left from kronos.move_further(%(name)s);

-- name: list_calendar_users
-- The live jobs that name a calendar, up to %(limit)s.
select job_id, name from kronos.calendar_users(%(name)s, %(limit)s::integer);
