-- name: get_readiness
-- is_read_only: a standby, which rejects all writes.
select health.extension_version, health.internal_jobs, health.internal_entries, health.silent_seconds,
       current_setting('transaction_read_only') = 'on' as is_read_only, health.alarm_failure,
       queue.worker_sessions, queue.waiting_endpoints, queue.waiting_seconds, queue.unserved_groups,
       coalesce(substring(obj_description(to_regclass('kronos.schema_version'), 'pg_class')
                          from '^revision (.*)$'), '') as revision,
       sessions.has_launcher, sessions.is_elsewhere, sessions.running as pg_cron_running
  from kronos.pg_cron_health() as health
 cross join kronos.pg_cron_sessions() as sessions
 cross join kronos.queue_health(%(longer_than)s) as queue;

-- name: get_written
-- The position up to which a primary's log is written, and its timeline; nulls on a standby. One row.
select (select system_identifier from pg_control_system()) as system,
       case when not pg_is_in_recovery() then (pg_current_wal_lsn() - '0/0')::bigint end as position,
       case when not pg_is_in_recovery()
            then ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer end as timeline;

-- name: get_replayed
-- The position up to which a standby has replayed the log, and the timeline that it is known to have reached;
-- nulls on a primary. One row.
select (select system_identifier from pg_control_system()) as system,
       case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0')::bigint end as position,
       case when pg_is_in_recovery()
            then greatest((select timeline_id from pg_control_checkpoint()),
                          (select min_recovery_end_timeline from pg_control_recovery())) end as timeline;

-- name: get_silence
-- For the supervisor, which restarts a server whose pg_cron is frozen. One row.
select silent_seconds from kronos.pg_cron_health();
