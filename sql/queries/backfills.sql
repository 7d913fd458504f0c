-- name: count_ticks
-- What a backfill of [from, to) would do now; nothing is written. At most %(limit)s ticks are counted, and
-- none of a window that ends in the future, because it is refused. No row: no such job.
select job.job_id, job.trigger, job.status, %(to_at)s::timestamptz <= kronos.now() as is_past, counted.ticks,
       counted.left_out, counted.redriven, counted.first_at, counted.last_at
  from kronos.job_rows(kronos.find_job(%(job)s)) as job
 cross join lateral (select count(*)::integer as ticks,
                            count(*) filter (where is_left_out)::integer as left_out,
                            count(*) filter (where not is_left_out and failed_id is not null)::integer
                                as redriven,
                            min(tick) as first_at, max(tick) as last_at
                       from kronos.backfill_ticks(job, %(from_at)s::timestamptz,
                                                  case when %(to_at)s::timestamptz <= kronos.now()
                                                       then %(to_at)s else %(from_at)s end::timestamptz,
                                                  %(limit)s::integer,
                                                  %(include)s::text[])) as counted
 where job.workspace_id = kronos.current_workspace_id();

-- name: insert_backfill
-- Insert the backfill and its first executions. Run after settle_ticks, so that the schedule has no
-- unaccounted ticks in the past. No row: the job is no longer live, has a newer version than the one counted,
-- or its workspace is suspended.
with made as (
    insert into kronos.backfills (backfill_id, workspace_id, job_id, first_version_id, from_at, to_at,
                                  max_active, include, next_at, ticks, priority, caller)
    select %(backfill_id)s, job.workspace_id, job.job_id, job.first_version_id, %(from_at)s, %(to_at)s,
           %(max_active)s, %(include)s, %(first_at)s, %(ticks)s, %(priority)s::smallint,
           nullif(current_setting('kronos.caller', true), '')::jsonb
      from kronos.jobs as job
      join kronos.workspaces as workspace using (workspace_id)
     where job.job_id = kronos.settled_job_id()
       and job.job_id = %(job_id)s
       and job.workspace_id = kronos.current_workspace_id()
       and job.trigger = 'CRON'
       and job.status in ('ACTIVE', 'PAUSED')
       and workspace.status = 'ACTIVE'
    returning backfill_id, workspace_id
), kept as (
    insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                         resource_id)
    select workspace_id, 'backfill', %(idempotency_key)s, %(request_sha256)s, backfill_id
      from made
     where %(idempotency_key)s::text is not null
)
select backfill_id, kronos.advance_backfill(backfill_id, 1000) as executions from made;

-- name: get_backfill
select {Backfill}
  from kronos.backfill_details
 where workspace_id = kronos.current_workspace_id()
   and backfill_id = %(backfill_id)s;

-- name: list_backfills
-- For all versions of the job.
select {Backfill}
  from kronos.backfill_details
 where workspace_id = kronos.current_workspace_id()
   and first_version_id = (select job.first_version_id
                             from kronos.jobs as job
                            where job.job_id = kronos.find_job(%(job)s))
   and (created_at, backfill_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, backfill_id desc
 limit %(limit)s;

-- name: cancel_backfill
-- False: it is not RUNNING, or does not exist.
select coalesce((select kronos.stop_backfill(backfill.backfill_id,
                                             jsonb_build_object('code', 'cancelled',
                                                                'detail', 'cancelled over the API'))
                   from kronos.backfills as backfill
                  where backfill.workspace_id = kronos.current_workspace_id()
                    and backfill.backfill_id = %(backfill_id)s), false) as is_cancelled;
