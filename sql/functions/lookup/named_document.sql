-- named_document: a document of the transaction's workspace for an endpoint that is about to name it, if it
-- is still at the version with which the endpoint was checked.
-- Locks it, shared, until the transaction ends: a change or deletion comes either before and is seen, or
-- after and sees the endpoint.
-- Returns: its id; null if none is named, it does not exist, or it is at another version.
create or replace function kronos.named_document(p_kind text, p_name text, p_version integer) returns uuid
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_document_id uuid;
    v_version     integer;
begin
    if p_name is null then
        return null;
    end if;
    select document_id, version into v_document_id, v_version
      from kronos.documents
     where workspace_id = kronos.current_workspace_id()
       and kind = p_kind and name = p_name and deleted_at is null
       for share;
    return case when v_version = p_version then v_document_id end;
end
$$;
