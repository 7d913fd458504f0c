-- note_live_resource: notes configured resources when their audit is written (write_audit), while anyone
-- listens. Jobs, heartbeats and incidents note themselves. For a workspace's keys and retention it notes only
-- the workspace: which key it was is for readers of the audit. Objects of the instance, and workspaces that
-- were created, changed or deleted, are noted in the instance's own workspace.
create or replace function kronos.note_live_resource(p_workspace_id uuid, p_action text, p_object_type text,
                                                     p_object_id text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if p_workspace_id is null or p_object_type in ('workspace', 'retention') then
        perform kronos.note_live('instance', 'changed', array[kronos.instance_id()],
                                 array[kronos.instance_id()]);
    end if;
    if p_workspace_id is null then
        return;
    elsif p_object_type in ('workspace', 'retention', 'api_key') then
        perform kronos.note_live('workspace', 'changed', array[p_workspace_id], array[p_workspace_id]);
    elsif p_object_type in ('endpoint', 'config', 'payload_spec', 'calendar', 'secret', 'alert_rule') then
        perform kronos.note_live(p_object_type,
                                 case p_action when 'create' then 'created' when 'delete' then 'deleted'
                                               else 'changed' end,
                                 array[p_workspace_id], array[p_object_id::uuid]);
    end if;
end
$$;
