-- catch_up: accounts for the missed ticks of all jobs together, most overdue first. All missed ticks come
-- through here, whichever session finds them first. One session at a time: it holds an advisory lock, and a
-- session that finds the lock taken leaves the work to the holder.
-- One call takes up to 10,000 jobs, or about 50,000 ticks that may be delivered (2 s); the next ring finds
-- the rest. For jobs with calendars, each tick has to be looked up, delivered or not, and counts twice (75
-- us). Work that a firing does not finish within 30 s is rolled back, so account_each limits its time where
-- rows are broken.
-- Returns: the number of executions created for delivery; null if another session was doing this.
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
         cross join lateral (select job.*                    -- looked up by itself, as in due_jobs
                               from kronos.jobs as job
                              where job.job_id = pointer.job_id
                                and job.status = 'ACTIVE'
                                and (select workspace.status
                                       from kronos.workspaces as workspace
                                      where workspace.workspace_id = job.workspace_id) = 'ACTIVE'
                              limit 1
                                for update of job skip locked) as job
         where pointer.is_awaited
           and pointer.next_tick_at >= (select floor.lowest_at from kronos.pointers_floor as floor)
           and pointer.next_tick_at < p_now - kronos.grace()
           and (not exists (select from kronos.job_faults as fault      -- as in due_jobs
                             where fault.failed_at > p_now - kronos.fault_rest())
                or not kronos.has_just_failed(pointer, p_now))
           and (not exists (select from kronos.turns) or not kronos.is_turning(pointer))
         order by pointer.next_tick_at
         limit 10000
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
