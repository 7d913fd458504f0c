-- due_jobs: finds and locks up to 1,000 jobs whose ticks are due and on time, passing over those that
-- somebody else has locked. What is overdue by more than the grace is catch_up's. A tick moves no job's row,
-- so one that another firing has just accounted for is taken as well, and account_ticks, once the rows are
-- held, finds nothing due of it.
-- In the index's order, so that it ends with the thousandth: what the planner knows of next_tick_at is a
-- minute old, and it collected and sorted all of 20,000 due jobs, and asked for each whether it had failed,
-- for every thousand. What is rare is asked once: of a thousand jobs, in the middle of a minute, none has
-- failed and no workspace is turning.
-- Returns: '{}' for none.
create or replace function kronos.due_jobs(p_now timestamptz) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
set enable_bitmapscan = off set enable_sort = off
as $$
begin
    return (select coalesce(array_agg(due.job_id), '{}')
              from (select job.job_id
                      from kronos.pointers as pointer
                      join kronos.jobs as job using (job_id)
                      join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
                     where pointer.is_awaited
                       and pointer.next_tick_at <= p_now
                       and pointer.next_tick_at >= p_now - kronos.grace()
                       and (not exists (select from kronos.job_faults as fault
                                         where fault.failed_at > p_now - kronos.fault_rest())
                            or not kronos.has_just_failed(pointer, p_now))
                       and job.status = 'ACTIVE'
                       and workspace.status = 'ACTIVE'
                       and (not exists (select from kronos.turns) or not kronos.is_turning(pointer))
                     order by pointer.next_tick_at
                     limit 1000
                       for update of job skip locked) as due);
end
$$;
