-- is_validated: whether the transaction's writer has validated the inputs for this endpoint against the
-- endpoint's payload spec at its current version. The setting kronos.validated names what they were validated
-- against: SPEC:VERSION for all inputs of the transaction, or one per endpoint:
-- ,ENDPOINT/SPEC:VERSION,ENDPOINT/SPEC:VERSION, (so that none is mistaken for another if an endpoint changes
-- its spec at the same time). Called only if the endpoint has a payload spec. Runs as the caller: row level
-- security applies.
-- Locks the spec's row, shared: a change of the spec comes either before, or after and sees what was written.
create or replace function kronos.is_validated(p_endpoint_id uuid, p_payload_spec_id uuid) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_said constant text := current_setting('kronos.validated', true);
    v_spec          text;
begin
    select p_payload_spec_id || ':' || version into v_spec
      from kronos.documents
     where document_id = p_payload_spec_id
       for key share;
    return coalesce(v_said = v_spec or strpos(v_said, format(',%s/%s,', p_endpoint_id, v_spec)) > 0, false);
end
$$;
