-- job_details: all jobs as the API shows them, for people and for the previous release: the rows of
-- kronos.jobs (version_details), and the one-shots that have none there, which are their executions
-- (one_shot_rows). It scans every partition of the history; the API reads only the one that an id names,
-- through one_shot_details.
create or replace view kronos.job_details with (security_invoker = true) as
    select detail.*
      from kronos.version_details as detail
     union all
    select run.execution_id, run.workspace_id, run.execution_id, null::text, workspace.slug, endpoint.name,
           endpoint.type, case when run.scheduled_at = run.created_at then 'IMMEDIATE' else 'DELAYED' end,
           case when run.completed_at is null then 'ACTIVE' else 'COMPLETED' end, null::jsonb, 1, null::uuid,
           null::uuid, null::text, null::text, null::timestamptz, null::text, null::text, null::text,
           null::timestamptz, null::timestamptz, null::integer, 'SHIFT', 'FIRST', 0, 'ALLOW',
           kronos.catch_up_shown('LATEST', 3600), 0, null::timestamptz,
           null::timestamptz, run.started_at, null::jsonb, null::text,
           case when run.scheduled_at <> run.created_at then run.scheduled_at end, null::text, run.input,
           coalesce(run.priority, 0)::integer,
           '{}'::text[], run.created_at, run.completed_at,
           (select shown.execution
              from kronos.one_shots_shown(array[run.execution_id], array[run.created_at]) as shown
             limit 1), null::text, null::jsonb, null::jsonb, null::integer, '{}'::text[], 'SKIP',
           null::text, 0
      from (select live.execution_id, live.workspace_id, live.endpoint_id, live.input, live.scheduled_at,
            live.created_at, null::timestamptz as started_at, null::timestamptz as completed_at,
            live.priority
              from kronos.execution_live as live
             -- not =: the planner would assume that an index of all such rows is small
             where live.job_id is not distinct from live.execution_id
             union all
            select done.execution_id, done.workspace_id, done.endpoint_id, done.input, done.scheduled_at,
                   done.created_at, done.started_at, done.completed_at, done.priority
              from kronos.execution_done as done
             where done.job_id is not distinct from done.execution_id) as run
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = run.workspace_id
     where not exists (select from kronos.jobs as job where job.job_id = run.execution_id);
