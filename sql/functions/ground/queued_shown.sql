-- queued_shown: a job's first execution as returned when the job is created, before anything has happened to
-- it. Inlined into the calling statement, so it has no settings and calls no function that has any.
create or replace function kronos.queued_shown(p_execution_id uuid, p_job_id uuid, p_job_name text,
                                               p_workspace text, p_endpoint text, p_endpoint_type text,
                                               p_visible_at timestamptz, p_run_at timestamptz,
                                               p_max_attempts smallint, p_input jsonb,
                                               p_created_at timestamptz, p_created_by jsonb)
returns jsonb
language sql stable parallel safe
as $$
    select jsonb_build_object('execution_id', p_execution_id, 'job_id', p_job_id, 'job_name', p_job_name,
                              'workspace', p_workspace, 'endpoint', p_endpoint,
                              'endpoint_type', p_endpoint_type, 'cause', 'API',
                              'status', case when p_visible_at > kronos.now() then 'PENDING'
                                             else 'QUEUED' end,
                              'status_reason', null, 'scheduled_at', kronos.iso_inlined(p_run_at),
                              'run_at', kronos.iso_inlined(p_run_at), 'started_at', null,
                              'completed_at', null, 'duration_ms', null, 'attempt_count', 0,
                              'max_attempts', p_max_attempts, 'tick_count', 1, 'input', p_input,
                              'output', null, 'error', null, 'worker_id', null,
                              'created_at', kronos.iso_inlined(p_created_at),
                              'created_by', kronos.creator_shown(p_created_by))
$$;
