alter table kronos.managed drop constraint managed_kind_known;
alter table kronos.managed add constraint managed_kind_known
    check (kind in ('config', 'payload_spec', 'calendar', 'endpoint', 'job', 'heartbeat', 'alert_rule'));
alter table kronos.workspaces add column max_heartbeats integer;
alter table kronos.workspaces add column max_alert_rules integer;
alter table kronos.workspaces add constraint workspaces_alert_quotas_bounded
    check (max_heartbeats between 0 and 10000 and max_alert_rules between 0 and 100);
create index beats_changed on kronos.beats (workspace_id, updated_at, heartbeat_id) where deleted_at is null;
alter table kronos.live_changes drop constraint live_changes_object_known;
alter table kronos.live_changes add constraint live_changes_object_known
    check (object in ('job', 'execution', 'heartbeat'));
