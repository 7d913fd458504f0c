alter table kronos.execution_live
    add column cancel_reason jsonb,
    add constraint execution_live_cancelled_is_claimed check (cancel_reason is null or claim_token is not null);

-- Whoever was cancelled while it ran, as the release before said it: attempts that it has used up below its endpoint's number.
update kronos.execution_live as live
   set cancel_reason = jsonb_build_object('code', 'job_cancelled', 'detail', 'its job was cancelled')
  from kronos.jobs as job
 where job.job_id = live.job_id
   and live.claim_token is not null
   and job.status_reason ->> 'code' = 'cancelled';

-- A deleted workspace has nothing unfinished and no endpoint.
update kronos.jobs as job
   set status = 'RETIRED', retired_at = coalesce(job.retired_at, now()), next_tick_at = null, resume_at = null, ticks_until = coalesce(job.ticks_until, now()),
       status_reason = jsonb_build_object('code', 'cancelled', 'detail', 'its workspace was deleted')
  from kronos.workspaces as workspace
 where workspace.workspace_id = job.workspace_id
   and workspace.status = 'DELETED'
   and job.status in ('ACTIVE', 'PAUSED');
update kronos.backfills as backfill
   set status = 'CANCELLED', completed_at = now(), status_reason = jsonb_build_object('code', 'workspace_deleted', 'detail', 'its workspace was deleted')
  from kronos.workspaces as workspace
 where workspace.workspace_id = backfill.workspace_id
   and workspace.status = 'DELETED'
   and backfill.status = 'RUNNING';
with unfinished as (
    delete from kronos.execution_live as live
     using kronos.workspaces as workspace
     where workspace.workspace_id = live.workspace_id
       and workspace.status = 'DELETED'
    returning live.*
), recorded as (
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at, worker_id, error)
    select execution_id, claim_token, workspace_id, attempt_count, 'LOST', claimed_at, worker_id,
           jsonb_build_object('type', 'workspace_deleted', 'message', 'its workspace was deleted; whether the delivery arrived is not known')
      from unfinished
     where claim_token is not null
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason, scheduled_at,
                                   run_at, created_at, started_at, attempt_count, max_attempts, worker_id, input, error, backfill_id)
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'CANCELLED',
       jsonb_build_object('code', 'workspace_deleted', 'detail', 'its workspace was deleted'), scheduled_at,
       run_at, created_at, started_at, attempt_count, max_attempts, worker_id, input, error, backfill_id
  from unfinished;
update kronos.endpoint_gate as gate
   set in_flight = 0
  from kronos.workspaces as workspace
 where workspace.workspace_id = gate.workspace_id
   and workspace.status = 'DELETED'
   and gate.in_flight > 0;
update kronos.endpoints as endpoint
   set deleted_at = workspace.deleted_at
  from kronos.workspaces as workspace
 where workspace.workspace_id = endpoint.workspace_id
   and workspace.status = 'DELETED'
   and endpoint.deleted_at is null;
