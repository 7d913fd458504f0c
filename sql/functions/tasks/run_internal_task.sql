-- run_internal_task: call an internal job's function and record its execution and attempt, with its result or
-- its error. The audit attributes the task's changes to the job.
-- Returns: nothing. A failure is recorded, raises a warning, and undoes only the task's own writes.
create or replace function kronos.run_internal_task(p_job kronos.jobs, p_tick timestamptz, p_cause text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_execution_id uuid := kronos.tick_id(p_job.job_id, p_tick);
    v_started_at   timestamptz := kronos.clock();
    v_output       jsonb;
    v_error        jsonb;
    v_status       text := 'SUCCESS';
    v_caller       constant text := current_setting('kronos.caller', true);
begin
    begin
        perform set_config('kronos.caller', jsonb_build_object('actor', p_job.name)::text, true);
        v_output := case p_job.name
                        when 'reaper'       then kronos.reap()
                        when 'lease-keeper' then kronos.keep_leases()
                        when 'catch-up'     then kronos.keep_up()
                        when 'alerts'       then case when kronos.is_held() then '{"held": true}'
                                                      else kronos.evaluate_alerts() end
                        when 'retention'
                            then case when kronos.is_held() then '{"held": true}' else kronos.retain() end
                    end;
    exception when others then
        v_status := 'FAILED';
        v_error := jsonb_build_object('type', sqlstate, 'message', sqlerrm);
        raise warning 'kronos: internal job % failed: % (%)', p_job.name, sqlerrm, sqlstate;
    end;
    perform set_config('kronos.caller', coalesce(v_caller, ''), true);
    with execution as (
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, scheduled_at, run_at, created_at, started_at,
                                           completed_at, attempt_count, max_attempts, worker_id, input,
                                           output, error)
        values (v_execution_id, p_job.workspace_id, p_job.job_id, p_job.endpoint_id, 1, p_cause, v_status,
                p_tick, p_tick,
                v_started_at, v_started_at, kronos.clock(), 1, 1, 'pg_cron', p_job.input, v_output,
                v_error)
            on conflict do nothing
        returning execution_id, workspace_id, started_at, completed_at
    )
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                completed_at, duration_ms, worker_id, error, endpoint_version)
    select execution_id, gen_random_uuid(), workspace_id, 1, v_status, started_at, completed_at,
           (extract(epoch from completed_at - started_at) * 1000)::integer, 'pg_cron', v_error, 1
      from execution;
end
$$;
