-- is_validated: whether the transaction's writer has validated its inputs against this payload spec, at the
-- version that it has now: the setting kronos.validated says against which. Asked only where an endpoint
-- names one. Shares the spec's row, so that who changes the spec comes before, or after and sees what was
-- written.
-- As the caller: row level security holds.
create or replace function kronos.is_validated(p_payload_spec_id uuid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
begin
    select version into v_version
      from kronos.documents
     where document_id = p_payload_spec_id
       for key share;
    return coalesce(current_setting('kronos.validated', true) = p_payload_spec_id || ':' || v_version, false);
end
$$;
