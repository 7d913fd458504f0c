-- due_jobs: finds and locks up to 1,000 jobs whose ticks are due and on time; jobs that another session has
-- locked are skipped. Ticks overdue by more than the grace are left to catch_up. Accounting for a tick does
-- not change the job's row, so a job that another firing has just accounted for is returned as well;
-- account_ticks then finds nothing due for it.
-- The index's order is forced, so that the scan stops at the thousandth job. The planner's statistics for
-- next_tick_at are a minute old; without this it collected and sorted all 20,000 due jobs, and checked each
-- for a recent failure, for every thousand. For the same reason each job is looked up by itself: in a join,
-- with statistics from when few jobs were ACTIVE, all jobs were compared with each due pointer. Rare
-- conditions are checked once per call: usually none of a thousand jobs has failed, and no workspace is being
-- suspended or resumed.
-- Returns: '{}' if there are none.
create or replace function kronos.due_jobs(p_now timestamptz) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
set enable_bitmapscan = off set enable_sort = off
as $$
begin
    return (select coalesce(array_agg(due.job_id), '{}')
              from (select job.job_id
                      from kronos.pointers as pointer
                     cross join lateral (select job.job_id
                                           from kronos.jobs as job
                                          where job.job_id = pointer.job_id
                                            and job.status = 'ACTIVE'
                                            and (select workspace.status
                                                   from kronos.workspaces as workspace
                                                  where workspace.workspace_id = job.workspace_id) = 'ACTIVE'
                                          limit 1
                                            for update of job skip locked) as job
                     where pointer.is_awaited
                       and pointer.next_tick_at <= p_now
                       and pointer.next_tick_at >= p_now - kronos.grace()
                       and (not exists (select from kronos.job_faults as fault
                                         where fault.failed_at > p_now - kronos.fault_rest())
                            or not kronos.has_just_failed(pointer, p_now))
                       and (not exists (select from kronos.turns) or not kronos.is_turning(pointer))
                     order by pointer.next_tick_at
                     limit 1000) as due);
end
$$;
