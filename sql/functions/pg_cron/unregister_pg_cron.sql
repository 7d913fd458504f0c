-- unregister_pg_cron: removes the job's pg_cron entry, in the caller's transaction; a missing entry is not an
-- error. An own entry is found by name (an index) and removed by id: cron.unschedule(name) reads the whole
-- table, 7 ms at 50,000 entries. A shared one is removed with its last job, when the transaction commits
-- (settle_alarms).
-- Returns: whether there was an entry.
-- Raises: KR011 while the job is ACTIVE, so that no caller can silence a job that needs its alarm; pg_cron's
-- errors, unchanged.
create or replace function kronos.unregister_pg_cron(p_job_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_was_there boolean;
begin
    if kronos.alarm_of(p_job_id) is not null then
        raise sqlstate 'KR011' using
            message = format('job %s is ACTIVE: its pg_cron entry is kept', p_job_id);
    end if;
    v_was_there := kronos.unregister_jobs(array[p_job_id]) > 0;
    perform kronos.note_alarm('-', shared.alarm) from kronos.shared_names(array[p_job_id]) as shared;
    return v_was_there;
end
$$;
