-- name: get_zone_rules
-- When the reaper last noticed changed rules of a zone in use.
select max(zone.changed_at) as changed_at from kronos.zones as zone;

-- name: get_status
-- The instance's status, for its administrator.
select postgresql_version, pg_cron_version, pg_cron_silent_seconds, internal_jobs, internal_entries,
       has_launcher, overdue_jobs, overdue_seconds, worker_sessions, cron_timezone, match_dom_and_dow,
       zones_changed_at,
       kronos.is_held() as is_held, current_setting('transaction_read_only') = 'on' as is_read_only,
       alarm_failure, waiting_endpoints, waiting_seconds, unserved_groups
  from kronos.system_status();

-- name: list_steps
-- Suspensions, resumptions and cancellations in progress, oldest first; then operations. No row: none.
select kind, workspace, job_id, remaining, since, last_error, operation_id
  from kronos.steps_under_way(%(limit)s);

-- name: list_drift
-- Differences between jobs and cron.job: the first ones, each with their total. No row: none.
select job_id, workspace, jobid, jobname, difference, differences from kronos.system_drift(%(limit)s);

-- name: get_alarms
-- How pg_cron rings for jobs. One row.
select wanted, are_shared, changed_at, jobs, alarms, entries, folded, rings_apart, rings_shared, rings_now
  from kronos.system_alarms();

-- name: list_zones_read
-- The zones in use as PostgreSQL reads them.
select timezone, probes, distances from kronos.zones_read();

-- name: list_workers
-- Deliveries in progress, by worker. No row: none.
select worker_id, running, execution_id, workspace, endpoint, job_id, job, attempt, claimed_at
  from kronos.system_workers(%(limit)s);

-- name: list_history_ends
-- The end of the history's partitions. No row for a table that has none.
select history, until_at from kronos.system_history_ends();

-- name: list_partitions
-- Partitions of the history, newest week first.
select history, partition, from_at, until_at, rows, bytes from kronos.system_partitions();

-- name: get_retention
-- One row.
select success_days, failure_days, run_details_days, audit_days, ran_at, done_at, unsealed
  from kronos.system_retention();
