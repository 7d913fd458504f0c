-- name: find_api_key
-- No row: unknown or revoked.
select key_id, secret_sha256, role from kronos.find_api_key(%(public_id)s);

-- name: get_readiness
-- is_read_only: a standby, which refuses each write.
select health.extension_version, health.internal_jobs, health.internal_entries, health.silent_seconds,
       current_setting('transaction_read_only') = 'on' as is_read_only, health.alarm_failure,
       queue.worker_sessions, queue.waiting_endpoints, queue.waiting_seconds,
       coalesce(substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class') from '^revision (.*)$'), '') as revision
  from kronos.pg_cron_health() as health
 cross join kronos.queue_health(%(longer_than)s) as queue;

-- name: ring_if_silent
-- One row. executions is null: pg_cron is heard, or another worker rings.
select at, is_heard, is_silent, executions, is_left, internal_jobs
  from kronos.ring_if_silent(%(after)s, %(unheard_since)s);

-- name: run_internal_job
-- In silent pg_cron's place; false: not due any more, or another session is at it.
select kronos.run_internal_job_if_due(%(job_id)s) as is_run;

-- name: get_zone_rules
-- When the reaper last noticed other rules of a zone in use.
select max(zone.changed_at) as changed_at from kronos.zones as zone;

-- name: get_status
-- The instance, for its administrator.
select postgresql_version, pg_cron_version, pg_cron_silent_seconds, internal_jobs, internal_entries, has_launcher, overdue_jobs, overdue_seconds,
       worker_sessions, cron_timezone, match_dom_and_dow, zones_changed_at,
       kronos.is_held() as is_held, current_setting('transaction_read_only') = 'on' as is_read_only,
       alarm_failure, waiting_endpoints, waiting_seconds
  from kronos.system_status();

-- name: list_drift
-- Jobs against cron.job: the first differences, each with how many there are. No row: none.
select job_id, workspace, jobid, jobname, difference, differences from kronos.system_drift(%(limit)s);

-- name: list_zones_read
-- The zones in use as PostgreSQL reads them.
select timezone, probes, distances from kronos.zones_read();
