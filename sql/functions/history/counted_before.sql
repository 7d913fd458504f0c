-- counted_before: the row for a run of a job's ticks (MISSED, SKIPPED) that began before p_at and reaches it
-- or goes beyond. Such a row is stored at its first tick, however long ago: if that is more than an hour
-- before the row was created, kronos.late_days has the day.
-- Returns: its id; null if there is none. There is at most one, since rows stand for runs that do not
-- overlap. Runs as the caller: row level security applies.
create or replace function kronos.counted_before(p_job kronos.jobs, p_at timestamptz) returns uuid
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_from  timestamptz;
    v_to    timestamptz;
    v_found uuid;
begin
    for v_from, v_to in
        select p_at - interval '1 hour', p_at
         union all
        (select distinct late.id_day::timestamp at time zone 'UTC',
         (late.id_day + 1)::timestamp at time zone 'UTC'
           from kronos.late_days as late
          where late.workspace_id = p_job.workspace_id
            and late.id_day <= (p_at at time zone 'UTC')::date
            and late.id_day >= (p_job.ticks_from at time zone 'UTC')::date
            and late.created_day >= (p_at at time zone 'UTC')::date
          order by 1 desc)
    loop
        begin
            select done.execution_id into v_found
              from kronos.execution_done as done
             where done.execution_id >= kronos.uuid7_floor(v_from)
               and done.execution_id <= kronos.uuid7_floor(least(v_to, p_at))
               and done.job_id = p_job.job_id
               and done.status in ('MISSED', 'SKIPPED')
               and done.tick_count > 1
               and done.scheduled_at < p_at
               and done.cause in ('SCHEDULE', 'CATCH_UP')
               and kronos.time_of(done.status_reason ->> 'last') >= p_at
             limit 1;
            raise sqlstate 'KR020' using message = 'the day is done: its locks are released';
        exception when sqlstate 'KR020' then
            exit when v_found is not null;
        end;
    end loop;
    return v_found;
end
$$;
