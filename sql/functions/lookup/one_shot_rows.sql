-- one_shot_rows: the given ids that are one-shots without a row in kronos.jobs, each as the row that it would
-- have there. Such a job is its execution and has its id; it has no name, tag, key or local time. It is
-- ACTIVE while the execution is unfinished, and COMPLETED afterwards. A DELAYED one has a scheduled time
-- different from its creation (make_one_shots ensures that).
-- Each is read in the one partition that its id names: see finished_among. The statement does not test that
-- the job is its execution: there is an index of all such rows, which the planner takes for small.
-- Returns: in no order. Runs as the caller: row level security applies.
create or replace function kronos.one_shot_rows(p_job_ids uuid[]) returns setof kronos.jobs
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids uuid[];
    v_run record;
    v_job kronos.jobs;
begin
    -- Most reads are of jobs with a row, which have other ids. Each statement below is planned each time.
    if p_job_ids::text !~ '[0-9a-f]{8}-[0-9a-f]{4}-7' then
        return;
    end if;
    for v_ids in
        select array_agg(given.id)
          from unnest(p_job_ids) as given (id)
         where get_byte(uuid_send(given.id), 6) >> 4 = 7      -- others have a row
           and not exists (select from kronos.jobs as job where job.job_id = given.id)
         group by left(given.id::text, 4)
    loop
        begin
            for v_run in
                select live.execution_id, live.job_id, live.workspace_id, live.endpoint_id,
                       live.input, live.scheduled_at, live.created_at, null::timestamptz as started_at,
                       null::timestamptz as completed_at, live.priority
                  from kronos.execution_live as live
                 where live.execution_id = any (v_ids)
                 union all
                select done.execution_id, done.job_id, done.workspace_id, done.endpoint_id, done.input,
                       done.scheduled_at, done.created_at, done.started_at, done.completed_at,
                       done.priority
                  from kronos.execution_done as done
                 where done.execution_id = any (v_ids)
            loop
                continue when v_run.job_id <> v_run.execution_id;
                v_job.job_id := v_run.execution_id;
                v_job.workspace_id := v_run.workspace_id;
                v_job.first_version_id := v_run.execution_id;
                v_job.version := 1;
                v_job.endpoint_id := v_run.endpoint_id;
                v_job.trigger := case when v_run.scheduled_at = v_run.created_at then 'IMMEDIATE'
                                      else 'DELAYED' end;
                v_job.status := case when v_run.completed_at is null then 'ACTIVE' else 'COMPLETED' end;
                v_job.input := v_run.input; v_job.tags := '{}';
                v_job.run_at := case when v_job.trigger = 'DELAYED' then v_run.scheduled_at end;
                v_job.runs := case when v_run.completed_at is null then 0 else 1 end;
                v_job.dst_gap := 'SHIFT'; v_job.dst_overlap := 'FIRST';
                v_job.jitter_seconds := 0; v_job.offset_seconds := 0;
                v_job.overlap := 'ALLOW'; v_job.calendars := '{}'; v_job.on_blackout := 'SKIP';
                v_job.catch_up_policy := 'LATEST'; v_job.catch_up_window_seconds := 3600;
                v_job.last_run_at := v_run.started_at;
                v_job.created_at := v_run.created_at;
                v_job.retired_at := v_run.completed_at;
                v_job.ticks_from := v_run.created_at;
                v_job.ticks_until := v_run.completed_at;
                v_job.skip_next := 0; v_job.priority := coalesce(v_run.priority, 0::smallint);
                return next v_job;
            end loop;
            raise sqlstate 'KR020' using message = 'the span is done: its locks are released';
        exception when sqlstate 'KR020' then
            null;
        end;
    end loop;
end
$$;
