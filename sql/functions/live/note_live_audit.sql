-- note_live_audit: notes, once per transaction, that a change of these workspaces (null: of the instance) was
-- written to the audit. For listeners to one of them, or to the instance's own workspace, which receives all.
-- It does not say what was changed, since not every listener may read the audit. The setting records what has
-- been noted; it ends with the transaction and is undone with its savepoints.
create or replace function kronos.note_live_audit(p_workspace_ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_noted constant text := pg_current_xact_id()::text || p_workspace_ids::text;
begin
    if current_setting('kronos.audit_noted', true) is not distinct from v_noted then
        return;
    end if;
    perform kronos.note_live('audit', 'created', array_agg(told.workspace_id), array_agg(told.workspace_id))
       from (select workspace_id from unnest(p_workspace_ids) as given (workspace_id)
              where workspace_id is not null
              union
             select kronos.instance_id()) as told;
    perform set_config('kronos.audit_noted', v_noted, true);
end
$$;
