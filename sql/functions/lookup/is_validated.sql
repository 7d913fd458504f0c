-- is_validated: whether the transaction's writer has validated the inputs for this endpoint against the
-- payload spec that it names, at the version that it has now. The setting kronos.validated says against which
-- they were: one, SPEC:VERSION, of all inputs of the transaction, or of those of each endpoint its own,
-- ,ENDPOINT/SPEC:VERSION,ENDPOINT/SPEC:VERSION, (no two of them are mistaken for one another where an
-- endpoint names another's at the same time). Asked only where an endpoint names one. Shares the spec's row,
-- so that who changes the spec comes before, or after and sees what was written.
-- As the caller: row level security holds.
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
