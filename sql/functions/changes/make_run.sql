-- make_run: creates a run of a CRON job outside its schedule: due immediately, held behind another run, or
-- SKIPPED, according to the job's overlap policy. The caller holds the job's row lock: shared or, under an
-- overlap policy, exclusive. p_made_of: the present version of the job's endpoint. p_priority and
-- p_deadline_seconds replace the job's own.
-- Returns: RUN, HOLD or SKIP.
create or replace function kronos.make_run(p_job kronos.jobs, p_made_of kronos.endpoint_versions,
                                           p_execution_id uuid, p_input jsonb,
                                           p_priority smallint default null,
                                           p_deadline_seconds integer default null)
returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_verdict text;
    v_reason  jsonb;
begin
    select admitted.verdict, admitted.reason into v_verdict, v_reason
      from kronos.admit_run(p_job, kronos.clock()) as admitted;
    if v_verdict = 'SKIP' then
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, status_reason, scheduled_at, run_at, created_at,
                                           max_attempts, input)
        values (p_execution_id, p_job.workspace_id, p_job.job_id, p_job.endpoint_id, p_made_of.version,
                'MANUAL', 'SKIPPED', v_reason, kronos.now(),
                kronos.now(), kronos.now(), p_made_of.max_attempts, coalesce(p_input, p_job.input));
        return v_verdict;
    end if;
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, visible_at, max_attempts, max_crashes,
                                       timeout_ms, input, overlap_key, deadline_at,
                                       priority, traceparent)
    values (p_execution_id, p_job.workspace_id, p_job.job_id, p_job.endpoint_id, p_made_of.version, 'MANUAL',
            kronos.now(), kronos.now(),
            case when v_verdict = 'HOLD' then 'infinity' else kronos.now() end, p_made_of.max_attempts,
            p_made_of.max_crashes, p_made_of.timeout_ms,
            coalesce(p_input, p_job.input),
            case when p_job.overlap <> 'ALLOW' then p_job.first_version_id end,
            kronos.now() + make_interval(secs => coalesce(p_deadline_seconds, p_job.deadline_seconds)),
            nullif(coalesce(p_priority, p_job.priority), 0),
            kronos.traceparent_of(kronos.said_caller(), p_execution_id));
    return v_verdict;
end
$$;
