-- name: get_execution
select execution_id, job_id, workspace, endpoint, endpoint_type, cause, status, status_reason, scheduled_at, run_at, started_at, completed_at,
       duration_ms, attempt_count, max_attempts, tick_count, input, output, error, worker_id, created_at
  from kronos.executions
 where workspace_id = kronos.current_workspace_id()
   and execution_id = %(execution_id)s;

-- name: list_executions
-- No coalesce where a page begins: to row level security it is not leakproof, so it would be a filter over all newer rows, not the index's condition.
-- The page's ids first, by index from each table and partition: the view is only asked for what is on the page (2 ms where it took 60 of 60,000 rows).
with page as materialized (
    select either.execution_id as found_id
      from ((select live.execution_id, live.created_at
              from kronos.execution_live as live
             where live.workspace_id = kronos.current_workspace_id()
               and (%(status)s::text is null or %(status)s::text = case when live.claim_token is not null then 'RUNNING'
                                                                        when live.visible_at = 'infinity' then 'QUEUED'
                                                                        when live.attempt_count > 0       then 'RETRYING'
                                                                        when live.visible_at > now()      then 'PENDING'
                                                                        else 'QUEUED'
                                                                   end)
               and (%(scheduled_after)s::timestamptz is null or live.scheduled_at > %(scheduled_after)s::timestamptz)
               and (%(scheduled_before)s::timestamptz is null or live.scheduled_at < %(scheduled_before)s::timestamptz)
               and (live.created_at, live.execution_id)
                   < (case when %(before_created_at)s::timestamptz is null then 'infinity' else %(before_created_at)s::timestamptz end,
                      case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else %(before_id)s::uuid end)
             order by live.created_at desc, live.execution_id desc
             limit %(limit)s)
            union all
            (select done.execution_id, done.created_at
              from kronos.execution_done as done
             where done.workspace_id = kronos.current_workspace_id()
               and (%(status)s::text is null or %(status)s::text = done.status)
               and (%(scheduled_after)s::timestamptz is null or done.scheduled_at > %(scheduled_after)s::timestamptz)
               and (%(scheduled_before)s::timestamptz is null or done.scheduled_at < %(scheduled_before)s::timestamptz)
               and (done.created_at, done.execution_id)
                   < (case when %(before_created_at)s::timestamptz is null then 'infinity' else %(before_created_at)s::timestamptz end,
                      case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else %(before_id)s::uuid end)
             order by done.created_at desc, done.execution_id desc
             limit %(limit)s)) as either
     order by either.created_at desc, either.execution_id desc
     limit %(limit)s
)
select execution_id, job_id, workspace, endpoint, endpoint_type, cause, status, status_reason, scheduled_at, run_at, started_at, completed_at,
       duration_ms, attempt_count, max_attempts, tick_count, input, output, error, worker_id, created_at
  from page
 cross join lateral (select * from kronos.executions as found where found.execution_id = page.found_id limit 1) as execution
 order by created_at desc, execution_id desc;

-- name: list_job_executions
-- As list_executions. %(job)s is a job's id or name: that version's executions. A statement of its own, so that each has its index in every plan.
with page as materialized (
    select either.execution_id as found_id
      from ((select live.execution_id, live.created_at
              from kronos.execution_live as live
             where live.workspace_id = kronos.current_workspace_id()
               and live.job_id = (select kronos.find_job(%(job)s))
               and (%(status)s::text is null or %(status)s::text = case when live.claim_token is not null then 'RUNNING'
                                                                        when live.visible_at = 'infinity' then 'QUEUED'
                                                                        when live.attempt_count > 0       then 'RETRYING'
                                                                        when live.visible_at > now()      then 'PENDING'
                                                                        else 'QUEUED'
                                                                   end)
               and (%(scheduled_after)s::timestamptz is null or live.scheduled_at > %(scheduled_after)s::timestamptz)
               and (%(scheduled_before)s::timestamptz is null or live.scheduled_at < %(scheduled_before)s::timestamptz)
               and (live.created_at, live.execution_id)
                   < (case when %(before_created_at)s::timestamptz is null then 'infinity' else %(before_created_at)s::timestamptz end,
                      case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else %(before_id)s::uuid end)
             order by live.created_at desc, live.execution_id desc
             limit %(limit)s)
            union all
            (select done.execution_id, done.created_at
              from kronos.execution_done as done
             where done.workspace_id = kronos.current_workspace_id()
               and done.job_id = (select kronos.find_job(%(job)s))
               and (%(status)s::text is null or %(status)s::text = done.status)
               and (%(scheduled_after)s::timestamptz is null or done.scheduled_at > %(scheduled_after)s::timestamptz)
               and (%(scheduled_before)s::timestamptz is null or done.scheduled_at < %(scheduled_before)s::timestamptz)
               and (done.created_at, done.execution_id)
                   < (case when %(before_created_at)s::timestamptz is null then 'infinity' else %(before_created_at)s::timestamptz end,
                      case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else %(before_id)s::uuid end)
             order by done.created_at desc, done.execution_id desc
             limit %(limit)s)) as either
     order by either.created_at desc, either.execution_id desc
     limit %(limit)s
)
select execution_id, job_id, workspace, endpoint, endpoint_type, cause, status, status_reason, scheduled_at, run_at, started_at, completed_at,
       duration_ms, attempt_count, max_attempts, tick_count, input, output, error, worker_id, created_at
  from page
 cross join lateral (select * from kronos.executions as found where found.execution_id = page.found_id limit 1) as execution
 order by created_at desc, execution_id desc;

-- name: list_attempts
select attempt_number, status, started_at, completed_at, duration_ms, request, response, error, worker_id
  from kronos.attempts
 where workspace_id = kronos.current_workspace_id()
   and execution_id = %(execution_id)s
 order by attempt_number;

-- name: cancel_execution
-- No row: it is not waiting: running, finished or not there.
with waiting as (
    delete from kronos.execution_live
     where execution_id = %(execution_id)s
       and workspace_id = kronos.current_workspace_id()
       and claim_token is null
    returning *
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason, scheduled_at,
                                   run_at, created_at, started_at, attempt_count, max_attempts, input, error, backfill_id)
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'CANCELLED',
       jsonb_build_object('code', 'cancelled', 'detail', 'cancelled over the API'), scheduled_at,
       run_at, created_at, started_at, attempt_count, max_attempts, input, error, backfill_id
  from waiting
returning execution_id;

-- name: retry_execution
-- One row: null where a failed or cancelled execution is due again, under its own id; else why it is not.
select kronos.retry_execution(%(execution_id)s) as refusal;
