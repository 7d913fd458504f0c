-- place_again: moves the pointers of jobs to where the present versions of their calendars put them. The
-- caller holds the jobs' rows. A job that has ended has no pointer; a job that cannot be read keeps its own.
-- Returns: the number of pointers moved. 50,000 jobs: decision 0112.
create or replace function kronos.place_again(p_job_ids uuid[]) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_moved integer;
begin
    with alike as materialized (      -- most of many jobs share their tick and terms with others
        select job.workspace_id, job.calendars, job.on_blackout, job.schedule, job.starts_at, job.ends_at,
               at.tick
          from unnest(p_job_ids) as asked (job_id)
          join kronos.jobs as job using (job_id)
         cross join lateral kronos.pointer_of(job.job_id) as pointer
         cross join lateral (select coalesce(pointer.tick_at, pointer.next_tick_at) as tick) as at
         where at.tick < 'infinity'
           and job.status in ('ACTIVE', 'PAUSED')
           and kronos.schedule_fault(job.schedule) is null
         group by 1, 2, 3, 4, 5, 6, 7
    ), told as materialized (
        select alike.*, place.due_at, place.tick_at
          from alike
         cross join lateral kronos.place_of(alike.workspace_id, alike.calendars, alike.on_blackout,
                                            alike.schedule, alike.starts_at, alike.ends_at,
                                            alike.tick) as place
    )
    update kronos.pointers as pointer
       set next_tick_at = told.due_at, tick_at = told.tick_at
      from kronos.jobs as job
      join told on told.workspace_id = job.workspace_id
       and (told.calendars, told.on_blackout, told.schedule)
                   = (job.calendars, job.on_blackout, job.schedule)
       and told.starts_at is not distinct from job.starts_at and told.ends_at is not distinct from job.ends_at
     where job.job_id = any (p_job_ids)
       and pointer.job_id = job.job_id
       and coalesce(pointer.tick_at, pointer.next_tick_at) = told.tick
       and pointer.next_tick_at <> told.due_at;
    get diagnostics v_moved = row_count;
    return v_moved;
end
$$;
