-- require_live_workspace: allows no new endpoint, document, secret or operation in a workspace that is
-- deleted, or is being deleted at this moment, whatever statement writes. Like require_live_endpoint, with
-- the lock that the foreign key takes on the workspace's row.
-- Raises: KR013.
create or replace function kronos.require_live_workspace() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_status text;
begin
    select status into v_status from kronos.workspaces where workspace_id = new.workspace_id for key share;
    if v_status = 'DELETED' then
        raise sqlstate 'KR013' using message = 'the workspace was deleted at the same time';
    end if;
    return null;
end
$$;
create or replace trigger endpoints_need_a_live_workspace
    after insert on kronos.endpoints
    for each row execute function kronos.require_live_workspace();
create or replace trigger documents_need_a_live_workspace
    after insert on kronos.documents
    for each row execute function kronos.require_live_workspace();
create or replace trigger secrets_need_a_live_workspace
    after insert on kronos.secrets
    for each row execute function kronos.require_live_workspace();
create or replace trigger operations_need_a_live_workspace
    after insert on kronos.operations
    for each row execute function kronos.require_live_workspace();
