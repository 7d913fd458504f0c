-- refuse_unvalidated: raises why nothing was created for an endpoint with this name in the transaction's
-- workspace: the input was not validated against its payload spec. Runs as the caller: row level security
-- applies.
-- Raises: KR016 if the endpoint has a payload spec.
create or replace function kronos.refuse_unvalidated(p_endpoint text) returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from kronos.endpoints as endpoint
                where endpoint.workspace_id = kronos.current_workspace_id()
                  and endpoint.name = p_endpoint
                  and endpoint.payload_spec_id is not null
                  and endpoint.deleted_at is null) then
        raise sqlstate 'KR016' using
            column = 'endpoint',
            message = format('endpoint %L has a payload spec, against which the input was not validated',
                             p_endpoint),
            hint = 'Create the job through the API, which validates its input.';
    end if;
end
$$;
