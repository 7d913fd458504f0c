-- follow_calendar: after a calendar was changed: the pointers of the live jobs that name it are where its
-- present version has them, so what it says holds for every tick that is not accounted for. Of jobs that skip
-- closed ticks nothing has to be done: their pointers are their ticks. Locks the jobs, in the order of their
-- ids; a firing passes over them until the transaction ends.
-- Returns: how many pointers were moved.   50,000 jobs: decision 0112.
create or replace function kronos.follow_calendar(p_name text) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_workspace_id constant uuid := kronos.current_workspace_id();
    v_job_ids uuid[];
    v_moved   integer;
begin
    select array_agg(held.job_id) into v_job_ids
      from (select job.job_id
              from kronos.jobs as job
             where job.calendars @> array[p_name] and job.calendars <> '{}'
               and job.status in ('ACTIVE', 'PAUSED')
               and job.workspace_id = v_workspace_id
               and job.on_blackout <> 'SKIP'
             order by job.job_id
               for update) as held;
    with alike as materialized (      -- of many jobs most have a tick and terms that others have too
        select job.calendars, job.on_blackout, job.schedule, job.starts_at, job.ends_at, at.tick
          from unnest(v_job_ids) as asked (job_id)
          join kronos.jobs as job using (job_id)
         cross join lateral kronos.pointer_of(job.job_id) as pointer
         cross join lateral (select coalesce(pointer.tick_at, pointer.next_tick_at) as tick) as at
         where at.tick < 'infinity'
         group by 1, 2, 3, 4, 5, 6
    ), told as materialized (
        select alike.*, place.due_at, place.tick_at
          from alike
         cross join lateral kronos.place_of(v_workspace_id, alike.calendars, alike.on_blackout,
                                            alike.schedule, alike.starts_at, alike.ends_at,
                                            alike.tick) as place
    )
    update kronos.pointers as pointer
       set next_tick_at = told.due_at, tick_at = told.tick_at
      from kronos.jobs as job
      join told on (told.calendars, told.on_blackout, told.schedule)
                   = (job.calendars, job.on_blackout, job.schedule)
       and told.starts_at is not distinct from job.starts_at and told.ends_at is not distinct from job.ends_at
     where job.job_id = any (v_job_ids)
       and pointer.job_id = job.job_id
       and coalesce(pointer.tick_at, pointer.next_tick_at) = told.tick
       and pointer.next_tick_at <> told.due_at;
    get diagnostics v_moved = row_count;
    return v_moved;
end
$$;
