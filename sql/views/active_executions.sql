-- active_executions: the executions that are waiting or running, with names instead of ids; a part of
-- kronos.executions.
create or replace view kronos.active_executions with (security_invoker = true) as
    select live.execution_id, live.workspace_id, live.job_id, workspace.slug as workspace,
           endpoint.name as endpoint, endpoint.type as endpoint_type, live.cause,
           case when live.claim_token is not null     then 'RUNNING'
                when live.visible_at = 'infinity'     then 'QUEUED'
                when live.attempt_count > 0           then 'RETRYING'
                when live.parked_at is not null       then 'QUEUED'
                when live.visible_at > kronos.now()          then 'PENDING'
                else 'QUEUED'
           end as status,
           case when live.cancel_reason is not null then
               jsonb_build_object('code', 'cancelling',
                                  'detail', 'it was cancelled; its worker is ending the request',
                                  'reason', live.cancel_reason)
                when live.visible_at = 'infinity' then
               jsonb_strip_nulls(jsonb_build_object('code', 'overlap_waiting',
                                                    'detail',
                                                    'waits until another execution of its job has ended',
                                                    'running', (select other.execution_id
                                                                  from kronos.execution_live as other
                                                                 where other.overlap_key = live.overlap_key
                                                                   and other.visible_at < 'infinity'
                                                                 limit 1)))
                when live.parked_at is not null then
               jsonb_build_object('code', 'key_full',
                                  'detail',
                                  'waits until another execution with its concurrency key has ended',
                                  'concurrency_key', live.concurrency_key)
           end as status_reason, live.scheduled_at,
           case when live.claim_token is null and live.visible_at < 'infinity'
                then coalesce(live.parked_at, live.visible_at)
                else live.run_at end as run_at, live.started_at, null::timestamptz as completed_at,
           null::bigint as duration_ms, live.attempt_count, live.max_attempts, 1 as tick_count, live.input,
           null::jsonb as output, live.error, live.worker_id, live.created_at, job.name as job_name,
           kronos.creator_shown(live.created_by) as created_by
      from kronos.execution_live as live
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = live.workspace_id
      left join kronos.jobs as job on job.job_id = live.job_id;
