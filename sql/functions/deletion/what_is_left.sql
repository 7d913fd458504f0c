-- what_is_left: the tables from which a deletion deletes the workspace's rows after everything else is gone
-- (delete_rest); tables that others refer to come last.
create or replace function kronos.what_is_left() returns text[]
language sql immutable
return array['dead_letters', 'operations', 'late_days', 'idempotency_keys', 'workspace_retention', 'secrets',
             'turns', 'cancelled_jobs', 'workspace_gate', 'quota_shards', 'api_keys', 'role_mappings',
             'managed',
             'alert_ends', 'alert_counts', 'alert_states', 'alert_notifications', 'incidents', 'alert_rules',
             'live_watches', 'live_changes'];
