-- name: ring_if_silent
-- One row. executions is null if pg_cron is heard, or another worker rings.
select at, is_heard, is_silent, executions, is_left, internal_jobs
  from kronos.ring_if_silent(%(after)s, %(unheard_since)s);

-- name: run_internal_job
-- In place of a silent pg_cron. False: no longer due, or another session is running it.
select kronos.run_internal_job_if_due(%(job_id)s) as is_run;
