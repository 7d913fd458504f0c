-- name: read_schedule
-- What a job stores of its schedule, and its first tick after now, if there is one.
select schedule::text as schedule, kronos.alarm(%(cron)s::text, schedule) as alarm,
       kronos.describe_schedule(schedule) as description,
       kronos.now() as read_at, kronos.next_tick(schedule, kronos.now()) as next_tick_at
  from kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text,
                            %(dst_gap)s::text, %(dst_overlap)s::text,
                            %(anchor_local)s::timestamp) as schedule;

-- name: read_local_time
-- When a zone's clocks show a local time, as dst_gap has it where they never do.
select kronos.local_instant(%(local)s::timestamp, kronos.check_zone(%(timezone)s::text),
                            %(dst_gap)s::text) as at;

-- name: preview_schedule
-- The next runs of an unsaved expression, what it says in words, and what its user may not expect of it.
select kronos.describe_schedule(kronos.check_dates(schedule, coalesce(%(after)s::timestamptz, kronos.now())))
           as description,
       upcoming.next_runs, upcoming.skipped,
       kronos.lint_schedule(%(cron)s::text, schedule, coalesce(%(after)s::timestamptz, kronos.now()),
                            null) as lints
  from kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text,
                            %(dst_gap)s::text, %(dst_overlap)s::text,
                            %(anchor_local)s::timestamp) as schedule,
       kronos.upcoming_runs(schedule, coalesce(%(after)s::timestamptz, kronos.now()), null, 0,
                            %(count)s::integer) as upcoming;

-- name: list_next_runs
-- The next runs of a saved job, within its window and its max_runs; of a paused one, those from its
-- resumption on. No row: no such CRON job.
select job.description, coming.next_runs, coming.skipped, coming.lints
  from kronos.jobs as job
 cross join lateral kronos.runs_to_come(job, %(count)s::integer) as coming
 where job.job_id = kronos.find_job(%(job)s)
   and job.workspace_id = kronos.current_workspace_id()
   and job.trigger = 'CRON';
