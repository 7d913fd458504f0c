-- executions: what people, the API and tests read: the unfinished and the finished as one, with names in
-- place of ids.
create or replace view kronos.executions with (security_invoker = true) as
    select live.execution_id, live.workspace_id, live.job_id, workspace.slug as workspace, endpoint.name as endpoint, endpoint.type as endpoint_type,
           live.cause,
           case when live.claim_token is not null     then 'RUNNING'
                when live.visible_at = 'infinity'     then 'QUEUED'
                when live.attempt_count > 0           then 'RETRYING'
                when live.visible_at > kronos.now()          then 'PENDING'
                else 'QUEUED'
           end as status,
           case when live.visible_at = 'infinity' then
               jsonb_strip_nulls(jsonb_build_object('code', 'overlap_waiting', 'detail', 'waits until another execution of its job has ended',
                                                    'running', (select other.execution_id
                                                                  from kronos.execution_live as other
                                                                 where other.overlap_key = live.overlap_key and other.visible_at < 'infinity'
                                                                 limit 1)))
           end as status_reason, live.scheduled_at,
           case when live.claim_token is null and live.visible_at < 'infinity' then live.visible_at else live.run_at end as run_at,
           live.started_at, null::timestamptz as completed_at, null::bigint as duration_ms, live.attempt_count, live.max_attempts,
           1 as tick_count, live.input, null::jsonb as output, live.error, live.worker_id, live.created_at
      from kronos.execution_live as live
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = live.workspace_id
    union all
    select done.execution_id, done.workspace_id, done.job_id, workspace.slug, endpoint.name, endpoint.type,
           done.cause, done.status, done.status_reason, done.scheduled_at, done.run_at, done.started_at, done.completed_at,
           case when isfinite(done.completed_at) and isfinite(done.started_at)
                then (extract(epoch from greatest(kronos.finite(done.completed_at) - kronos.finite(done.started_at), interval '0')) * 1000)::bigint
           end, done.attempt_count, done.max_attempts,
           done.tick_count, done.input, done.output, done.error, done.worker_id, done.created_at
      from kronos.execution_done as done
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = done.workspace_id;
