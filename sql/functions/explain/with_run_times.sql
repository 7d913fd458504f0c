-- with_run_times: adds run_at, when the delivery begins, to the future runs of a job that has an offset or
-- jitter. The runs of any other job are unchanged.
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
