-- refuse_unvalidated: where the transaction's workspace has an endpoint of this name, why nothing was made
-- for it: the input was not validated against its payload spec.
-- As the caller: row level security holds.
-- Raises: KR016.
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
            message = format('endpoint %L names a payload spec, against which the input was not validated',
                             p_endpoint),
            hint = 'make the job by the API, which validates its input';
    end if;
end
$$;
