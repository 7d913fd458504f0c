-- name: read_schedule
-- What a job stores of its schedule.
select schedule::text as schedule, kronos.alarm(%(cron)s::text, schedule) as alarm, kronos.describe_schedule(schedule) as description
  from kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text, %(dst_gap)s::text, %(dst_overlap)s::text) as schedule;

-- name: preview_schedule
-- The next runs of an unsaved expression, and what it says in words.
select kronos.describe_schedule(schedule) as description,
       array(select tick from kronos.next_ticks(schedule, coalesce(%(after)s::timestamptz, now()), %(count)s::integer) as tick order by tick) as next_runs
  from kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text, %(dst_gap)s::text, %(dst_overlap)s::text) as schedule;

-- name: list_next_runs
-- The next runs of a saved job, within its window. No row: no such CRON job.
select job.description,
       case when job.status in ('ACTIVE', 'PAUSED')
            then array(select tick
                         from kronos.next_ticks(job.schedule, greatest(now(), job.starts_at - interval '1 microsecond'), %(count)s::integer) as tick
                        where job.ends_at is null or tick < job.ends_at
                        order by tick)
            else '{}'
       end as next_runs
  from kronos.jobs as job
 where job.job_id = kronos.find_job(%(job)s) and job.trigger = 'CRON';
