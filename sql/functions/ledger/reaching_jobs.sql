-- reaching_jobs: the given jobs that have a row which began on a day before p_since and reaches into the
-- window from p_from on: a run of missed or skipped ticks. Such days are in kronos.late_days. Each day is
-- read in a subtransaction that is rolled back, so that the locks of its partition are released.
create or replace function kronos.reaching_jobs(p_job_ids uuid[], p_from timestamptz, p_since timestamptz)
returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_day      constant date := (p_since at time zone 'UTC')::date;
    v_day      date;
    v_of_day   uuid[];
    v_reaching uuid[] := '{}'::uuid[];
begin
    for v_day in
        select distinct late.id_day
          from kronos.late_days as late
         where late.workspace_id in (select job.workspace_id
                                       from kronos.jobs as job
                                      where job.job_id = any (p_job_ids))
           and late.created_day >= c_day
           and late.id_day <= c_day
    loop
        begin
            select array_agg(done.job_id) into v_of_day
              from kronos.execution_done as done
             where done.job_id = any (p_job_ids)
               and done.status in ('MISSED', 'SKIPPED')
               and done.execution_id >= kronos.uuid7_floor(v_day::timestamp at time zone 'UTC')
               and done.execution_id <= kronos.uuid7_floor((v_day + 1)::timestamp at time zone 'UTC')
               and done.tick_count > 1
               and coalesce(kronos.time_of(done.status_reason ->> 'last') >= p_from, true);
            raise sqlstate 'KR020' using message = 'the day is done: its locks are released';
        exception when sqlstate 'KR020' then
            v_reaching := v_reaching || coalesce(v_of_day, '{}');
        end;
    end loop;
    return v_reaching;
end
$$;
