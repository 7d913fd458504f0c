-- record_internal_tick: insert the row of an internal job's tick that was not run, with the reason.
create or replace function kronos.record_internal_tick(p_job kronos.jobs, p_tick timestamptz, p_status text,
                                                       p_tick_count integer, p_reason jsonb)
returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, status, status_reason, scheduled_at, run_at, created_at,
                                       max_attempts, tick_count, input)
    values (kronos.tick_id(p_job.job_id, p_tick), p_job.workspace_id, p_job.job_id, p_job.endpoint_id, 1,
            'SCHEDULE', p_status, p_reason,
            p_tick, p_tick, kronos.now(), 1, p_tick_count, p_job.input)
        on conflict do nothing
$$;
