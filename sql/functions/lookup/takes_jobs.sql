-- takes_jobs: whether jobs may be created now for an endpoint: it is not deleted, and an endpoint with a
-- payload spec takes only inputs that were validated against it (is_validated). Inlined.
create or replace function kronos.takes_jobs(p_endpoint kronos.endpoints) returns boolean
language sql volatile
as $$
    select p_endpoint.deleted_at is null
           and (p_endpoint.payload_spec_id is null
                or kronos.is_validated(p_endpoint.endpoint_id, p_endpoint.payload_spec_id))
$$;
