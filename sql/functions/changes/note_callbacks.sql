-- note_callbacks: keeps kronos.job_callbacks in step with the jobs. A job without callbacks costs nothing.
create or replace function kronos.note_callbacks() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'INSERT' then
        delete from kronos.job_callbacks where job_id = old.job_id;
    end if;
    if tg_op <> 'DELETE' then
        insert into kronos.job_callbacks (job_id, event, workspace_id, endpoint_id, first_version_id)
        select new.job_id, called.event, new.workspace_id, (called.given ->> 'endpoint_id')::uuid,
               (called.given ->> 'first_version_id')::uuid
          from (values ('on_success', new.on_success), ('on_failure', new.on_failure))
            as called (event, given)
         where called.given is not null;
    end if;
    return null;
end
$$;
create or replace trigger jobs_note_callbacks
    after insert on kronos.jobs
    for each row when (new.on_success is not null or new.on_failure is not null)
    execute function kronos.note_callbacks();
create or replace trigger jobs_note_callbacks_anew
    after update of job_id, workspace_id, on_success, on_failure on kronos.jobs
    for each row when ((old.job_id, old.workspace_id, old.on_success, old.on_failure)
                       is distinct from (new.job_id, new.workspace_id, new.on_success, new.on_failure))
    execute function kronos.note_callbacks();
create or replace trigger jobs_note_callbacks_no_more
    after delete on kronos.jobs
    for each row when (old.on_success is not null or old.on_failure is not null)
    execute function kronos.note_callbacks();
