-- with_run_times: runs to come of a job that is moved by its offset or its jitter, each with run_at: when its
-- delivery begins. Of any other job the runs as they are.
create or replace function kronos.with_run_times(p_job kronos.jobs, p_runs jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
    select case when p_job.jitter_seconds + p_job.offset_seconds = 0 then p_runs
                else (select coalesce(jsonb_agg(run.shown || jsonb_build_object('run_at',
                          run.at + kronos.run_delay(p_job, kronos.next_tick(p_job.schedule, run.at) - run.at))
                                      order by run.nth), '[]')
                        from (select each.shown, each.nth, (each.shown ->> 'at')::timestamptz as at
                                from jsonb_array_elements(p_runs)
                                     with ordinality as each (shown, nth)) as run)
           end
$$;
