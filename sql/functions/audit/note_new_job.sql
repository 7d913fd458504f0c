-- note_new_job: as note_change, of a CRON job's first version, in one statement: jobs are made more often than
-- all else is changed, and by note_change each would cost a third more (decision 72). Who is said to do it: see
-- write_audit. What `new` is made to hold here is the audit's alone.
create or replace function kronos.note_new_job() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    new.input := jsonb_build_object('sha256', encode(sha256(convert_to(new.input::text, 'UTF8')), 'hex'),
                                    'bytes', octet_length(new.input::text));
    if num_nonnulls(new.on_success, new.on_failure) > 0 then
        new.on_success := kronos.shown_field('on_success', new.on_success);
        new.on_failure := kronos.shown_field('on_failure', new.on_failure);
    end if;
    insert into kronos.audit_pending (workspace_id, at, actor, key_id, address, request_id, database_user,
                                      action, object_type, object_id, object, after)
    select new.workspace_id, kronos.clock(), coalesce(said.caller ->> 'actor', session_user),
           said.caller ->> 'key', said.caller ->> 'address', said.caller ->> 'request_id', session_user,
           'job.create', 'job', new.job_id::text, new.name,
           jsonb_strip_nulls(to_jsonb(new) - '{workspace_id,first_version_id,version,status,schedule,alarm,'
                                              'description,runs,request_sha256,created_at,ticks_from,'
                                              'skip_next}'::text[])
      from (select coalesce(given.caller -> 'each' -> new.job_id::text, given.caller) as caller
              from (select case when pg_has_role(session_user, 'kronos_api', 'member')
                                  or pg_has_role(session_user, 'kronos_owner', 'member')
                                then nullif(current_setting('kronos.caller', true), '')::jsonb
                           end as caller
                    offset 0) as given
            offset 0) as said
        on conflict (xid, object_type, object_id) do update set after = excluded.after;
    return null;
end
$$;
create or replace trigger audited after insert on kronos.jobs for each row
    when (new.trigger = 'CRON' and new.version = 1) execute function kronos.note_new_job();
