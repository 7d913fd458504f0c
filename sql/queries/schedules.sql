-- name: read_schedules
-- For each of %(texts)s with its window, the result of judge_schedule. One row for each, with its position.
select asked.nth, judged.schedule, judged.alarm, judged.description, judged.read_at, judged.next_tick_at,
       judged.fault
  from rows from (jsonb_to_recordset(%(texts)s) as (cron text, every text, anchor timestamptz,
                                                    anchor_local timestamp, timezone text, dst_gap text,
                                                    dst_overlap text, starts_at timestamptz,
                                                    ends_at timestamptz)) with ordinality
    as asked (cron, every, anchor, anchor_local, timezone, dst_gap, dst_overlap, starts_at, ends_at, nth)
 cross join lateral kronos.judge_schedule(asked.cron, asked.every, asked.anchor, asked.timezone,
                                          asked.dst_gap, asked.dst_overlap, asked.anchor_local,
                                          asked.starts_at, asked.ends_at) as judged;

-- name: read_local_times
-- For each of %(times)s, when its zone's clocks show it, or why that is unknown. Rows as in read_schedules.
select asked.nth, judged.at, judged.fault
  from rows from (jsonb_to_recordset(%(times)s) as (local timestamp, timezone text, dst_gap text))
       with ordinality as asked (local, timezone, dst_gap, nth)
 cross join lateral kronos.judge_local_time(asked.local, asked.timezone, asked.dst_gap) as judged;

-- name: read_local_time
-- When a zone's clocks show a local time; according to dst_gap if they never do.
select kronos.local_instant(%(local)s::timestamp, kronos.check_zone(%(timezone)s::text),
                            %(dst_gap)s::text) as at;

-- name: preview_schedule
-- The next runs of an unsaved expression, its description, and behavior that its user may not expect.
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

-- name: preview_closed_schedule
-- preview_schedule within a workspace, for a schedule that names its calendars. Raises KR046 if one does not
-- exist.
select kronos.describe_schedule(kronos.check_dates(schedule, asked.after))
           || kronos.describe_calendars(%(calendars)s::text[], %(on_blackout)s::text) as description,
       coming.next_runs, coming.skipped,
       kronos.lint_schedule(%(cron)s::text, schedule, asked.after, null)
           || kronos.lint_closures(kronos.current_workspace_id(), %(calendars)s::text[], asked.after, null,
                                   coming.next_runs, coming.skipped) as lints
  from (select coalesce(%(after)s::timestamptz, kronos.now()) as after) as asked
 cross join kronos.read_schedule(%(cron)s::text, %(every)s::text, %(anchor)s::timestamptz, %(timezone)s::text,
                                 %(dst_gap)s::text, %(dst_overlap)s::text, %(anchor_local)s::timestamp)
                as schedule
 cross join kronos.coming_runs(kronos.current_workspace_id(),
                               kronos.known_calendars(%(calendars)s::text[]), %(on_blackout)s::text, schedule,
                               null, null, null, asked.after, 0, %(count)s::integer) as coming;

-- name: list_next_runs
-- The next runs of a saved job, within its window and its max_runs; for a paused job, those from its
-- resumption on. No row: no such CRON job.
select job.description, coming.next_runs, coming.skipped, coming.lints
  from kronos.jobs as job
 cross join lateral kronos.runs_to_come(job, %(count)s::integer) as coming
 where job.job_id = kronos.find_job(%(job)s)
   and job.workspace_id = kronos.current_workspace_id()
   and job.trigger = 'CRON';

-- name: preview_change
-- The effect of a change on a CRON job's runs %(within)s (fire_diff). A field that is not in %(changed)s
-- stays as it is, as in replace_cron_job. No row: no live CRON job. Raises what first_place does, as
-- replace_cron_job: KR002 if the job would never run, KR003 if not before its end.
select kronos.fire_diff(job, read, next.starts_at, next.ends_at, next.max_runs,
                        kronos.now() + %(within)s::interval, %(shown)s::integer,
                        next.calendars, next.on_blackout) as difference,
       kronos.describe_schedule(read) || kronos.describe_calendars(next.calendars, next.on_blackout)
           as description, job.description as description_before
  from kronos.jobs as job
 cross join lateral (select case when %(every)s::text is not null then null
                                 when %(cron)s::text is not null then %(cron)s::text
                                 else job.cron end as cron,
                            case when %(cron)s::text is not null then null
                                 when %(every)s::text is not null then %(every)s::text
                                 else job.every end as every,
                            case when %(cron)s::text is null and %(anchor_local)s::timestamp is null
                                 then coalesce(%(anchor)s::timestamptz, job.anchor) end as anchor,
                            case when %(cron)s::text is null and %(anchor)s::timestamptz is null
                                 then coalesce(%(anchor_local)s::timestamp, job.anchor_local) end
                                as anchor_local,
                            case when 'starts_at' = any (%(changed)s::text[]) then %(starts_at)s::timestamptz
                                 else job.starts_at end as starts_at,
                            case when 'ends_at' = any (%(changed)s::text[]) then %(ends_at)s::timestamptz
                                 else job.ends_at end as ends_at,
                            case when 'max_runs' = any (%(changed)s::text[]) then %(max_runs)s::integer
                                 else job.max_runs end as max_runs,
                            case when 'calendars' = any (%(changed)s::text[])
                                 then kronos.known_calendars(%(calendars)s::text[])
                                 else job.calendars end as calendars,
                            coalesce(%(on_blackout)s::text, job.on_blackout) as on_blackout) as next
 cross join lateral kronos.read_schedule(next.cron, next.every, next.anchor,
                                         coalesce(%(timezone)s::text, job.timezone),
                                         coalesce(%(dst_gap)s::text, job.dst_gap),
                                         coalesce(%(dst_overlap)s::text, job.dst_overlap),
                                         next.anchor_local) as read
 cross join lateral kronos.first_place(job.job_id,
                                       (select pointer.tick_at
                                          from kronos.pointer_of(job.job_id) as pointer),
                                       read, next.starts_at, next.ends_at, next.calendars,
                                       next.on_blackout) as first
 where job.job_id = kronos.find_job(%(job)s)
   and job.workspace_id = kronos.current_workspace_id()
   and job.trigger = 'CRON'
   and job.status in ('ACTIVE', 'PAUSED');
