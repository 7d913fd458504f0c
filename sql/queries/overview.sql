-- name: list_outcomes
-- Outcomes of the ticks of the %(minutes)s minutes up to and including the current one, by minute; %(most)s
-- executions of each status.
select became.minute, became.disposition, became.ticks, became.is_cut
  from kronos.outcomes_by_minute(kronos.current_workspace_id(),
                                 date_trunc('minute', kronos.now(), 'UTC')
                                 - (%(minutes)s::integer - 1) * interval '1 minute',
                                 date_trunc('minute', kronos.now(), 'UTC') + interval '1 minute',
                                 %(most)s::integer) as became;

-- name: get_unfinished
-- Executions in progress and waiting, up to %(most)s of each queue: by the minute that they are for, by
-- worker, and the %(longest)s jobs that have waited longest for more than %(longer_than)s. One row.
with found as materialized (
    select each.*
      from kronos.unfinished_within(kronos.current_workspace_id(),
                                    date_trunc('minute', kronos.now(), 'UTC')
                                    + %(minutes)s::integer * interval '1 minute', %(most)s::integer) as each
     limit 10000
), late as (
    select found.job_id, found.endpoint_id, count(*) as number, min(found.due_at) as since,
           max(found.waits_for) as waits_for,
           (array_agg(found.execution_id order by found.due_at))[1] as execution_id
      from found
     where found.state in ('QUEUED', 'RETRYING')
       and found.due_at < kronos.now() - %(longer_than)s::interval
     group by found.job_id, found.endpoint_id
     order by since
     limit %(longest)s
)
select kronos.now() as at,
       (select coalesce(jsonb_agg(jsonb_build_object('at', kronos.iso(by.minute), 'state', by.state,
                                                     'number', by.number)), '[]')
          from (select date_trunc('minute', case when found.state = 'PENDING' then found.due_at
                                                 else found.scheduled_at end, 'UTC') as minute,
                       found.state, count(*) as number
                  from found
                 group by 1, 2) as by
         where isfinite(by.minute)) as minutes,
       (select count(*)::integer from found where found.state = 'RUNNING') as running,
       (select count(*)::integer from found
         where found.state in ('QUEUED', 'RETRYING') and found.due_at <= kronos.now()) as waiting,
       (select min(found.due_at) from found
         where found.state in ('QUEUED', 'RETRYING') and found.due_at <= kronos.now()
           and isfinite(found.due_at)) as waiting_since,
       (select count(*) = 10000 from found) as is_cut,
       (select coalesce(jsonb_agg(jsonb_build_object('worker_id', by.worker_id, 'running', by.number)
                                  order by by.number desc, by.worker_id), '[]')
          from (select found.worker_id, count(*) as number
                  from found
                 where found.worker_id is not null
                 group by found.worker_id
                 order by number desc, found.worker_id
                 limit 50) as by) as workers,
       (select coalesce(jsonb_agg(jsonb_build_object(
                                      'job_id', late.job_id, 'job_name', job.name,
                                      'endpoint', endpoint.name, 'execution_id', late.execution_id,
                                      'since', kronos.iso(kronos.finite(late.since)), 'number', late.number,
                                      'why', coalesce(late.waits_for, kronos.why_waits(late.endpoint_id)))
                                  order by late.since), '[]')
          from late
          join kronos.endpoints as endpoint on endpoint.endpoint_id = late.endpoint_id
          left join kronos.jobs as job on job.job_id = late.job_id) as late;

-- name: list_overdue
-- Jobs whose ticks were not accounted for in time, most overdue first. No row: none.
select job_id, job_name, since, fault from kronos.overdue_jobs(%(limit)s::integer)
 where kronos.current_workspace_id() is not null;

-- name: list_failing
-- Jobs that failed in the last 24 hours and have not succeeded since, most frequent first, from the newest
-- %(most)s dead letters. No row: none.
select job_id, job_name, endpoint, failures, first_failed_at, last_failed_at, execution_id, error_type,
       message
  from kronos.failing_jobs(kronos.current_workspace_id(), kronos.now() - interval '24 hours',
                           %(most)s::integer, %(limit)s::integer);

-- name: count_letters
-- The number of dead letters, counted up to %(most)s, and when the newest failed. One row.
select (select count(*)::integer
          from (select
                  from kronos.dead_letters as letter
                 where letter.workspace_id = kronos.current_workspace_id()
                 limit %(most)s) as counted) as number,
       (select max(letter.failed_at)
          from kronos.dead_letters as letter
         where letter.workspace_id = kronos.current_workspace_id()) as newest_at;

-- name: get_reaping
-- The reaper's last findings. No row: it has not run for ten minutes.
select at, mended, left_over from kronos.last_reaping()
 where kronos.current_workspace_id() is not null;
