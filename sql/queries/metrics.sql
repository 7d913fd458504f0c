-- name: get_ends
-- Outcomes of recent executions. One row.
select became, lags, is_cut
  from kronos.system_ends(%(window)s::interval, %(most)s::integer);

-- name: list_queue
-- Executions that wait for a worker, by workspace and transport. No row: none.
select workspace, transport, due, oldest_seconds
  from kronos.system_queue(%(endpoints)s::integer, %(most)s::integer);

-- name: get_counts
-- One row.
select workers, claimed, dead_letters, alarms, alarms_ended, alarms_failed, running, max_running,
       reaped_seconds, mended, left_over, revision
  from kronos.system_counts(%(most)s::integer);

-- name: get_beats
-- One row.
select states, unaccounted_seconds, incidents
  from kronos.system_beats(%(most)s::integer);

-- name: list_alarm_quotas
-- How full the alarm quotas are, the fullest first. No row: no workspace has one.
select workspace, used, most
  from kronos.system_alarm_quotas(%(most)s::integer);
