-- alert_usage_of: how many heartbeats and alert rules the transaction's workspace has, and its limits (null:
-- none). Runs with the caller's rights, so row level security holds.
create or replace function kronos.alert_usage_of()
returns table (heartbeats bigint, max_heartbeats integer, alert_rules bigint, max_alert_rules integer)
language sql stable security invoker rows 1 set search_path = pg_catalog, pg_temp
as $$
    select (select count(*)
              from kronos.beats as beat
             where beat.workspace_id = workspace.workspace_id and beat.deleted_at is null),
           workspace.max_heartbeats,
           (select count(*)
              from kronos.alert_rules as rule
             where rule.workspace_id = workspace.workspace_id),
           workspace.max_alert_rules
      from kronos.workspaces as workspace
     where workspace.workspace_id = kronos.current_workspace_id()
$$;
