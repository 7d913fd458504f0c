-- resolve_callbacks: requires that a job's callbacks name an existing endpoint or CRON job of its workspace,
-- and stores its id beside the name, whatever statement writes the job. A callback that is the same as in the
-- previous version is not checked again: its target may have ended by now, and the change is about something
-- else. A job without callbacks does not come here.
-- A CRON job first takes the workspace's lock, as its registration does later, and, if a callback names a
-- job, the lock of the workspace's chains: so of two jobs that would form a cycle together, one sees the
-- other.
-- Raises: KR034; its column is the field.
create or replace function kronos.resolve_callbacks() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_before kronos.jobs;
begin
    if tg_op = 'UPDATE' then
        v_before := old;
    elsif new.previous_version_id is not null then
        select * into v_before from kronos.jobs where job_id = new.previous_version_id;
    end if;
    if new.trigger = 'CRON' then
        perform pg_advisory_xact_lock_shared(kronos.workspace_lock(new.workspace_id));
        if new.on_success ? 'job' or new.on_failure ? 'job' then
            perform pg_advisory_xact_lock(kronos.chains_lock(new.workspace_id));
        end if;
    end if;
    if new.on_success is distinct from v_before.on_success then
        new.on_success := kronos.resolve_callback(new, 'on_success', new.on_success);
    end if;
    if new.on_failure is distinct from v_before.on_failure then
        new.on_failure := kronos.resolve_callback(new, 'on_failure', new.on_failure);
    end if;
    return new;
end
$$;
create or replace trigger jobs_resolve_callbacks
    before insert or update of on_success, on_failure on kronos.jobs
    for each row when (new.on_success is not null or new.on_failure is not null)
    execute function kronos.resolve_callbacks();
