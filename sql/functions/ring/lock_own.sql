-- lock_own: locks the row of a job that a pg_cron entry rings for, where its tick is due and on time.
-- The job's own row first, while nothing else is locked: only then may a firing wait for one. It waited with
-- a thousand others locked, and two firings deadlocked where each had the other's job among them.
-- A tick that is overdue is catch_up's and its row is not locked here: a session that catches up on all
-- passes over what is locked, and it would be left behind.
-- Returns: whether it is locked; false, too, where another session holds it for longer than a firing waits.
create or replace function kronos.lock_own(p_job_id uuid) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform
       from kronos.jobs as job
      cross join lateral kronos.pointer_of(job.job_id) as pointer
      where job.job_id = p_job_id
        and job.status = 'ACTIVE'
        and pointer.next_tick_at between kronos.clock() - kronos.grace() and kronos.clock()
        for update of job;
    return found;
exception when lock_not_available then
    raise warning 'kronos: job % is held by another session for longer than a firing waits; other '
                  'jobs'' ticks go on', p_job_id;
    return false;
end
$$;
