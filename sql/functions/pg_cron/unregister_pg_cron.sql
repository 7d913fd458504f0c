-- unregister_pg_cron: takes the job's pg_cron entry from it, in the caller's transaction; one that is not
-- there is not an error. Its own is found by name (an index) and removed by id: cron.unschedule(name) reads
-- the whole table, 7 ms at 50,000 entries. A shared one goes with its last job, as the transaction commits
-- (settle_alarms).
-- Returns: whether an entry was there.
-- Raises: KR011 while the job is ACTIVE, so that no caller can silence a job that counts on its alarm;
-- pg_cron's errors, unchanged.
create or replace function kronos.unregister_pg_cron(p_job_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if kronos.alarm_of(p_job_id) is not null then
        raise sqlstate 'KR011' using message = format('job %s is ACTIVE: its pg_cron entry stays', p_job_id);
    end if;
    return kronos.unregister_jobs(array[p_job_id]) > 0;
end
$$;
