-- name: get_readiness
-- is_read_only: a standby, which refuses each write.
select health.extension_version, health.internal_jobs, health.internal_entries, health.silent_seconds,
       current_setting('transaction_read_only') = 'on' as is_read_only, health.alarm_failure,
       queue.worker_sessions, queue.waiting_endpoints, queue.waiting_seconds, queue.unserved_groups,
       coalesce(substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class')
                          from '^revision (.*)$'), '') as revision,
       sessions.has_launcher, sessions.is_elsewhere, sessions.running as pg_cron_running
  from kronos.pg_cron_health() as health
 cross join kronos.pg_cron_sessions() as sessions
 cross join kronos.queue_health(%(longer_than)s) as queue;

-- name: get_silence
-- For the supervisor, which restarts a server whose pg_cron is frozen. One row.
select silent_seconds from kronos.pg_cron_health();
