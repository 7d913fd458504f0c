-- name: get_sessions
-- Connected sessions, and those that block others. One row.
select connections, max_connections, sees_activity, oldest_seconds, oldest, prepared, prepared_seconds,
       waiting, waiting_seconds, waiting_for, is_encrypted, is_local
  from kronos.signs_of_sessions();

-- name: get_blockers
-- The session that keeps others waiting, and sessions of Kronos that do not answer. One row.
select blocked, blocker, blocking_seconds, stuck, stuck_session, stuck_pid, stuck_seconds
  from kronos.signs_of_blockers(%(stuck)s::interval);

-- name: get_server
-- Whether writes are durable, and whether the server can continue. One row.
select is_fsync_on, are_pages_whole, commits, frozen_age, multixact_age, slots, slot_bytes, standbys_wanted,
       standbys_there, lag_seconds, archive_fails_seconds, pending_restart, collation_change, relations,
       lockable, is_autovacuum_on, data_directory
  from kronos.signs_of_server();

-- name: get_cron
-- The configuration of pg_cron. One row.
select is_visible, launches_jobs, logs_runs, is_by_workers, running, max_running, max_processes, installed,
       available, log_bytes, limits
  from kronos.signs_of_cron();

-- name: list_tables
-- Tables that need attention. No row: none.
select name, fault, live, bytes from kronos.signs_of_tables(%(rows)s, %(bytes)s);

-- name: get_work
-- The outcomes of executions. One row.
select leases, lease_seconds, lost, late, dead_letters, new_letters, kept_off, disabled, wave_seconds
  from kronos.signs_of_work();

-- name: list_tasks
-- Kronos's own work that does not progress. No row: none.
select kind, name, seconds, message from kronos.signs_of_tasks(%(limit)s);

-- name: list_alerting
-- What alert rules and heartbeats wait for, and alerts that were never delivered. No row: none.
select kind, name, seconds, message from kronos.signs_of_alerts();

-- name: get_keys
-- Keys and quotas that need attention. One row.
select administrators, lasting, burnt, ending, nearly_full from kronos.signs_of_keys();
