-- name: read_changes
-- Changes in these workspaces since the snapshot; a row without an object for a workspace that has none.
select snapshot, generation, workspace_id, is_there, is_begun, is_whole, object, change, ids
  from kronos.read_live(%(workspace_ids)s::uuid[], %(after)s::pg_snapshot, %(limit)s::integer);

-- name: set_watched
-- Record the workspace's changes for this long. One row.
select kronos.watch_live(%(workspace_id)s, %(for_time)s::interval)::text as done;

-- name: begin_watches
-- Recording starts here. One row. Must not share a transaction with set_watched.
select kronos.begin_live()::text as done;

-- name: list_changed_executions
-- These executions as they are now, without their payloads. Deleted ones have no row.
select execution_id, job_id, job_name, workspace, endpoint, cause, status, status_reason ->> 'code' as reason,
       attempt_count, scheduled_at, run_at, created_at, started_at, completed_at,
       scheduled_at = created_at as is_immediate
  from kronos.read_executions(%(ids)s::uuid[])
 where workspace_id = kronos.current_workspace_id();

-- name: list_changed_jobs
-- These versions of jobs as they are now; one-shots without a row in jobs are executions.
select job.job_id, job.name, job.title, workspace.slug as workspace, endpoint.name as endpoint, job.trigger,
       job.status, job.status_reason ->> 'code' as reason, job.version, job.replaced_by_id,
       case when workspace.status <> 'ACTIVE' or job.status not in ('ACTIVE', 'PAUSED') then null
            when job.status = 'ACTIVE' and pointer.next_tick_at > kronos.now() and job.skip_next = 0
             and job.calendars = '{}'
                then nullif(pointer.next_tick_at, 'infinity')
            when job.trigger = 'CRON' then kronos.next_run_of(job, pointer)
       end as next_run_at,
       coalesce(pointer.last_run_at, job.last_run_at) as last_run_at, job.run_at, job.resume_at,
       job.created_at, job.retired_at
  from kronos.jobs as job
  join kronos.endpoints as endpoint using (endpoint_id)
  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
  left join lateral kronos.pointer_of(case when job.trigger = 'CRON' then job.job_id end) as pointer on true
 where job.job_id = any (%(ids)s::uuid[]) and job.workspace_id = kronos.current_workspace_id();

-- name: list_changed_heartbeats
-- These heartbeats as they are now. Deleted ones have no row.
select heartbeat_id, name, workspace, status, state, last_status, version, next_tick_at, last_ping_at,
       last_success_at, running_since, created_at
  from kronos.heartbeat_details
 where heartbeat_id = any (%(ids)s::uuid[]) and workspace_id = kronos.current_workspace_id();

-- name: list_changed_operations
-- These operations, backfills and deletions of workspaces as they are now, without their filters.
select operation.operation_id, operation.kind, workspace.slug as workspace, null as job, operation.status,
       operation.status_reason ->> 'code' as reason, operation.total, operation.done, operation.failed,
       operation.created_at, operation.completed_at
  from kronos.operations as operation
  join kronos.workspaces as workspace using (workspace_id)
 where operation.operation_id = any (%(ids)s::uuid[])
   and operation.workspace_id = kronos.current_workspace_id()
 union all
select backfill.backfill_id, 'BACKFILL', workspace.slug, coalesce(job.name, job.job_id::text),
       backfill.status, backfill.status_reason ->> 'code', backfill.ticks,
       backfill.created + backfill.redriven + backfill.left_out, 0, backfill.created_at, backfill.completed_at
  from kronos.backfills as backfill
  join kronos.workspaces as workspace using (workspace_id)
  join kronos.jobs as job on job.job_id = backfill.job_id
 where backfill.backfill_id = any (%(ids)s::uuid[])
   and backfill.workspace_id = kronos.current_workspace_id()
 union all
select operation_id, 'DELETION', slug, null, status, lower(phase), total, done, 0, created_at, completed_at
  from kronos.deletions_among(%(ids)s::uuid[]);

-- name: list_audited
-- The workspace whose audit has grown.
select slug as workspace from kronos.workspaces where workspace_id = kronos.current_workspace_id();

-- name: list_changed_resources
-- These objects as they are now, each with its kind; deleted ones without a name.
select asked.kind, asked.id, named.name, named.version, workspace.slug as workspace
  from unnest(%(kinds)s::text[], %(ids)s::uuid[]) as asked (kind, id)
  join kronos.workspaces as workspace on workspace.workspace_id = kronos.current_workspace_id()
  left join (select 'endpoint' as kind, endpoint_id as id, name, version
               from kronos.endpoints
              where endpoint_id = any (%(ids)s::uuid[]) and workspace_id = kronos.current_workspace_id()
                and deleted_at is null
             union all
             select lower(kind), document_id, name, version
               from kronos.documents
              where document_id = any (%(ids)s::uuid[]) and workspace_id = kronos.current_workspace_id()
                and deleted_at is null
             union all
             select 'secret', secret_id, name, version
               from kronos.secrets
              where secret_id = any (%(ids)s::uuid[]) and workspace_id = kronos.current_workspace_id()
             union all
             select 'alert_rule', rule_id, name, version
               from kronos.alert_rules
              where rule_id = any (%(ids)s::uuid[]) and workspace_id = kronos.current_workspace_id()
             union all
             select 'incident', incident_id, rule, null
               from kronos.incidents
              where incident_id = any (%(ids)s::uuid[]) and workspace_id = kronos.current_workspace_id()
             union all
             select unnest(array['workspace', 'instance']), workspace_id, slug, version
               from kronos.workspaces
              where workspace_id = kronos.current_workspace_id()) as named
    on named.kind = asked.kind and named.id = asked.id;
