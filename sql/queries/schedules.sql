-- name: read_schedule
-- What a job stores of its schedule.
select schedule::text as schedule, kronos.alarm(%(cron)s::text, schedule) as alarm, kronos.describe_schedule(schedule) as description
  from kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text, %(dst_gap)s::text, %(dst_overlap)s::text,
                            %(anchor_local)s::timestamp) as schedule;

-- name: read_local_time
-- When a zone's clocks show a local time, as dst_gap has it where they never do.
select kronos.local_instant(%(local)s::timestamp, kronos.check_zone(%(timezone)s::text), %(dst_gap)s::text) as at;

-- name: preview_schedule
-- The next runs of an unsaved expression, what it says in words, and what its user may not expect of it.
select kronos.describe_schedule(kronos.check_dates(schedule, coalesce(%(after)s::timestamptz, now()))) as description, upcoming.next_runs, upcoming.skipped,
       kronos.lint_schedule(%(cron)s::text, schedule, coalesce(%(after)s::timestamptz, now()), null) as lints
  from kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text, %(dst_gap)s::text, %(dst_overlap)s::text,
                            %(anchor_local)s::timestamp) as schedule,
       kronos.upcoming_runs(schedule, coalesce(%(after)s::timestamptz, now()), null, 0, %(count)s::integer) as upcoming;

-- name: list_next_runs
-- The next runs of a saved job, within its window and its max_runs; of a paused one, those from its resumption on. No row: no such CRON job.
select job.description, upcoming.next_runs, upcoming.skipped,
       case when job.is_live
            then array_remove(array[
                     case when job.status = 'PAUSED'
                          then 'the job is paused: nothing runs until ' || coalesce(kronos.iso(job.resume_at), 'it is resumed')
                     end,
                     case when job.skip_next > 0 then 'ticks to come that are skipped before the next run (skip_next): ' || job.skip_next end
                 ], null) || kronos.lint_schedule(job.cron, job.schedule, job.after, job.ends_at)
            else array['the schedule does not fire again']
       end as lints
  from (select job.description, job.cron, job.schedule, job.status, job.resume_at, job.skip_next, job.ends_at, job.max_runs::bigint - job.runs as room,
               job.status in ('ACTIVE', 'PAUSED') as is_live,
               greatest(now(), job.resume_at, job.starts_at - interval '1 microsecond') as after
          from kronos.jobs as job
         where job.job_id = kronos.find_job(%(job)s)
           and job.workspace_id = kronos.current_workspace_id()
           and job.trigger = 'CRON') as job,
       kronos.upcoming_runs(job.schedule, job.after, job.ends_at, job.skip_next,
                            case when job.is_live then least(%(count)s::integer, job.room)::integer else 0 end) as upcoming;
