-- note_new_job: note_change for a CRON job's first version, in one statement. Jobs are created more often
-- than anything else is changed, and note_change would make each cost a third more (decision 72). Most jobs
-- have only the terms written out here; listing all possible terms took 76 us more (decision 81). write_audit
-- describes how the actor is determined.
create or replace function kronos.note_new_job() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into kronos.audit_pending (workspace_id, at, actor, key_id, address, request_id, database_user,
                                      action, object_type, object_id, object, after, source)
    select new.workspace_id, kronos.clock(), coalesce(said.caller ->> 'actor', session_user),
           said.caller ->> 'key', said.caller ->> 'address', said.caller ->> 'request_id', session_user,
           'job.create', 'job', new.job_id::text, new.name,
           case when num_nulls(new.cron, new.timezone) = 0
                 and num_nonnulls(new.name, new.run_at, new.starts_at, new.ends_at, new.max_runs,
                                  new.idempotency_key, new.every, new.anchor, new.resume_at,
                                  new.anchor_local, new.run_at_local, new.title, new.deadline_seconds,
                                  new.on_success, new.on_failure, new.spread) = 0
                then said.terms
                else jsonb_strip_nulls(said.terms) || kronos.further_terms(new) end,
           said.caller ->> 'source'
      from (select coalesce(given.caller -> 'each' -> new.job_id::text, given.caller) as caller,
                   -- to_jsonb of the whole row takes another 50 us, for columns that are left out here
                   jsonb_build_object(
                       'job_id', new.job_id, 'endpoint_id', new.endpoint_id, 'trigger', new.trigger,
                       'tags', new.tags, 'cron', new.cron, 'timezone', new.timezone,
                       'dst_gap', new.dst_gap, 'dst_overlap', new.dst_overlap,
                       'jitter_seconds', new.jitter_seconds, 'overlap', new.overlap,
                       'catch_up_policy', new.catch_up_policy,
                       'catch_up_window_seconds', new.catch_up_window_seconds, 'priority', new.priority,
                       'calendars', new.calendars, 'on_blackout', new.on_blackout,
                       'input',
                       jsonb_build_object(
                           'sha256', encode(sha256(convert_to(new.input::text, 'UTF8')), 'hex'),
                           'bytes', octet_length(new.input::text))) as terms
              from (select case when pg_has_role(session_user, 'kronos_api', 'member')
                                  or pg_has_role(session_user, 'kronos_owner', 'member')
                                then nullif(current_setting('kronos.caller', true), '')::jsonb
                           end as caller
                    offset 0) as given
            offset 0) as said;
    return null;
end
$$;
create or replace trigger audited after insert on kronos.jobs for each row
    when (new.trigger = 'CRON' and new.version = 1) execute function kronos.note_new_job();
