-- delete_document: deletes a config or payload spec of the transaction's workspace that no endpoint names, or
-- a calendar that no live job names. Executions created with one of its versions keep it. A session that
-- names it shares its row (named_document), so users are searched for once the row is locked.
-- Returns: whether it was deleted; false: an endpoint or a job names it; null: no such document.
create or replace function kronos.delete_document(p_kind text, p_name text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_document_id uuid;
begin
    select document_id into v_document_id
      from kronos.documents
     where workspace_id = kronos.current_workspace_id()
       and kind = p_kind and name = p_name and deleted_at is null
       for update;
    if not found then
        return null;
    end if;
    -- a session that names a calendar in a job shares this row (require_calendars)
    perform from kronos.calendars where document_id = v_document_id for update;
    if exists (select from kronos.endpoints
                where payload_spec_id = v_document_id and deleted_at is null)
       or exists (select from kronos.endpoints where config_id = v_document_id and deleted_at is null)
       or (p_kind = 'CALENDAR' and exists (select from kronos.calendar_users(p_name, 1))) then
        return false;
    end if;
    delete from kronos.calendars where document_id = v_document_id;
    update kronos.documents set deleted_at = kronos.now() where document_id = v_document_id;
    return true;
end
$$;
