-- unregister_pg_cron: removes the job's pg_cron entry, in the caller's transaction; an entry that is not
-- there is not an error. Found by name (an index), removed by id: cron.unschedule(name) reads the whole
-- table, 7 ms at 50,000 entries.
-- Returns: whether an entry was there.
-- Raises: KR011 while the job is ACTIVE, so that no caller can silence a job that counts on its alarm;
-- pg_cron's errors, unchanged.
create or replace function kronos.unregister_pg_cron(p_job_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_jobid bigint;
begin
    if kronos.alarm_of(p_job_id) is not null then
        raise sqlstate 'KR011' using message = format('job %s is ACTIVE: its pg_cron entry stays', p_job_id);
    end if;
    select entry.jobid into v_jobid
      from cron.job as entry
     where entry.jobname = 'kronos:' || p_job_id
       and entry.username = current_user;
    if v_jobid is null then
        return false;
    end if;
    return cron.unschedule(v_jobid);
end
$$;
