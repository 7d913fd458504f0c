-- name: find_api_key
-- No row: unknown or revoked.
select key_id, secret_sha256, role from kronos.find_api_key(%(public_id)s);

-- name: get_readiness
select extension_version, internal_jobs, internal_entries, silent_seconds from kronos.pg_cron_health();

-- name: ring_if_silent
-- Null: pg_cron is alive, or another worker rings.
select kronos.ring_if_silent(%(after)s) as executions;

-- name: get_zone_rules
-- When the reaper last noticed other rules of a zone in use.
select max(zone.changed_at) as changed_at from kronos.zones as zone;
