alter table kronos.live_changes drop constraint live_changes_object_known;
alter table kronos.live_changes add constraint live_changes_object_known
    check (object in ('job', 'execution', 'heartbeat', 'endpoint', 'config', 'payload_spec', 'calendar',
                      'secret', 'alert_rule', 'incident', 'workspace', 'instance', 'operation', 'audit'));
