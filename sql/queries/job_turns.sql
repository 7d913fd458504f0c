-- name: cancel_job
-- Retire a live job, remove its pg_cron entry and cancel its waiting executions, including those of older
-- versions; running ones get no further attempt. If there are very many, cancel_further does it
-- (has_runs_left). No row: nothing live to cancel.
select job_id, entries, coalesce(current_setting('kronos.has_runs_left', true), '') = 'on' as has_runs_left
  from kronos.cancel_job();

-- name: cancel_further
-- End some more executions of a cancelled job. One row: how many (0: nothing can be done at this moment), and
-- whether all have ended.
select done, is_over from kronos.cancel_further(%(job_id)s);

-- name: pause_job
-- Pause an ACTIVE CRON job and remove its entry; update the pause of a PAUSED one. No row: neither.
select job_id, entries
  from kronos.pause_job(%(note)s, %(until)s::timestamptz, %(given)s::text[], %(actor)s);

-- name: resume_job
-- No row: not a PAUSED job.
select job_id, entries from kronos.resume_job();

-- name: skip_next_ticks
-- Set how many of the coming ticks are skipped, replacing the earlier number. settle_ticks has just accounted
-- for the due ones. No row: not a live CRON job.
update kronos.jobs
   set skip_next = %(count)s
 where job_id = kronos.settled_job_id()
   and workspace_id = kronos.current_workspace_id()
   and trigger = 'CRON'
   and status in ('ACTIVE', 'PAUSED')
returning job_id, 0 as entries;

-- name: begin_job_operation
-- Begin an operation over the jobs that match a filter now (change_some). No id: they are more than
-- %(at_most)s, or the workspace accepts none; total: how many they are. One row.
with asked as materialized (
    select kronos.which_jobs(%(which)s::jsonb, kronos.now()) as which
), counted as materialized (
    select asked.which,
           (select count(*)
              from kronos.jobs_to_change(asked.which, null, null, %(most)s::integer))::integer as total
      from asked
), made as (
    insert into kronos.operations (operation_id, workspace_id, kind, asked, which, per_second, total,
                                   created_at, next_at, position_at, position_id, terms, caller)
    select %(operation_id)s, workspace.workspace_id, %(kind)s, %(asked)s, counted.which,
           %(per_second)s::integer, counted.total, kronos.now(), kronos.now(), 'infinity',
           'ffffffff-ffff-ffff-ffff-ffffffffffff', %(terms)s,
           nullif(current_setting('kronos.caller', true), '')::jsonb
      from counted
      join kronos.workspaces as workspace on workspace.workspace_id = kronos.current_workspace_id()
       and workspace.status = 'ACTIVE'
     where %(at_most)s::integer is null or counted.total <= %(at_most)s::integer
    returning operation_id, workspace_id
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, 'bulk', %(idempotency_key)s, %(request_sha256)s, operation_id
      from made
     where %(idempotency_key)s::text is not null
)
select (select operation_id from made) as operation_id, counted.total from counted;
