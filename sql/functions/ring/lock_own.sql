-- lock_own: lock the row of the job that a pg_cron entry rings for, if its tick is due and on time.
-- A firing may wait only for its own job's row, and only before it locks anything else. When it waited while
-- it held a thousand other rows, two firings deadlocked if each held the other's job.
-- An overdue tick is left to catch_up, and its row is not locked here: a session that catches up on all jobs
-- skips locked rows, so the job would be left behind.
-- Returns: whether the row is locked. Also false if another session holds it for longer than a firing waits.
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
    raise warning 'kronos: another session has held job % for longer than a firing waits; the ticks '
                  'of other jobs continue', p_job_id;
    return false;
end
$$;
