-- name: set_catch_up
-- How late deliveries of missed ticks are spread. One row.
update kronos.catch_up_wave
   set immediate = %(immediate)s, stagger_seconds = %(stagger_seconds)s
returning true as is_stored;

-- name: set_retention
-- The instance's ages. One row.
select true as is_stored from kronos.set_retention(null, %(success_days)s, %(failure_days)s);

-- name: set_run_details
-- How long pg_cron's own record of its runs, and the audit, are kept. One row.
update kronos.retention
   set run_details_days = %(run_details_days)s, audit_days = %(audit_days)s
returning true as is_stored;

-- name: set_alarms
-- Whether jobs share entries in pg_cron: auto, own or shared. The reaper applies it. One row.
update kronos.alarm_setting set wanted = %(wanted)s returning true as is_stored;

-- name: set_request_limit
-- How many requests a key may make per minute; null: no limit. One row.
update kronos.request_limit set per_minute = %(per_minute)s returning true as is_stored;
