-- catch_up: accounts for the jobs whose ticks were missed, over all of them together, most overdue first: the
-- one way for such ticks, no matter who finds them first. One session at a time: it holds an advisory lock,
-- and a session that finds it taken leaves the work to the one that has it. Up to 10,000 jobs, or about
-- 50,000 ticks that may be delivered, a call (2 s); the rest is found by the next ring. Of jobs with
-- calendars each tick is asked for, delivered or not, and counts twice (75 us). What a firing does not end
-- within 30 s is undone, so where rows are broken account_each stops by the clock.
-- Returns: how many executions were made for delivery; null where another session was at it.
create or replace function kronos.catch_up(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
set enable_bitmapscan = off set enable_sort = off
as $$
declare
    v_job_ids uuid[];
begin
    if not pg_try_advisory_xact_lock(hashtext('kronos.catch_up')) then
        return null;
    end if;
    with overdue as materialized (
        select job.job_id, pointer.next_tick_at, job.schedule, job.catch_up_policy,
               job.catch_up_window_seconds, job.calendars
          from kronos.pointers as pointer
          join kronos.jobs as job using (job_id)
          join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
         where pointer.is_awaited
           and pointer.next_tick_at >= (select floor.lowest_at from kronos.pointers_floor as floor)
           and pointer.next_tick_at < p_now - kronos.grace()
           and (not exists (select from kronos.job_faults as fault      -- as due_jobs
                             where fault.failed_at > p_now - kronos.fault_rest())
                or not kronos.has_just_failed(pointer, p_now))
           and job.status = 'ACTIVE'
           and workspace.status = 'ACTIVE'
           and (not exists (select from kronos.turns) or not kronos.is_turning(pointer))
         order by pointer.next_tick_at
         limit 10000
           for update of job skip locked
    ), counted as (
        select job_id, next_tick_at,
               sum(case when calendars <> '{}'
                        then 2 * kronos.ticks_at_most(schedule, p_now - kronos.finite(next_tick_at))
                        when catch_up_policy = 'ALL' then kronos.ticks_at_most(
                            schedule,
                            least(p_now - kronos.finite(next_tick_at),
                                  make_interval(secs => catch_up_window_seconds))
                        )
                         else 2 end) over (order by next_tick_at, job_id) as ticks,
               row_number() over (order by next_tick_at, job_id) as nth
          from overdue
    )
    select array_agg(job_id order by nth) into v_job_ids from counted where ticks <= 50000 or nth = 1;
    if v_job_ids is null then
        return 0;
    end if;
    return kronos.account_each(v_job_ids, p_now);
end
$$;
