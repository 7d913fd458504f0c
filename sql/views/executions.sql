-- executions: unfinished and finished executions together, with names instead of ids, for people, the API and
-- tests.
create or replace view kronos.executions with (security_invoker = true) as
    select active.execution_id, active.workspace_id, active.job_id, active.workspace, active.endpoint,
           active.endpoint_type, active.cause, active.status, active.status_reason, active.scheduled_at,
           active.run_at, active.started_at, active.completed_at, active.duration_ms, active.attempt_count,
           active.max_attempts, active.tick_count, active.input, active.output, active.error,
           active.worker_id, active.created_at, active.job_name, active.created_by
      from kronos.active_executions as active
    union all
    select done.execution_id, done.workspace_id, done.job_id, workspace.slug, endpoint.name, endpoint.type,
           done.cause, done.status, done.status_reason, done.scheduled_at, done.run_at, done.started_at,
           done.completed_at,
           kronos.duration_ms(done.started_at, done.completed_at), done.attempt_count, done.max_attempts,
           done.tick_count, done.input, done.output, done.error, done.worker_id, done.created_at, job.name,
           kronos.creator_shown(done.created_by)
      from kronos.execution_done as done
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = done.workspace_id
      left join kronos.jobs as job on job.job_id = done.job_id;
