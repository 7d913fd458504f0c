-- fitting_endpoints: the first of the given endpoints, in their order: at most p_limit, and at most p_bytes
-- of specs, but at least one (see fitting_jobs). Runs as the caller: row level security applies.
create or replace function kronos.fitting_endpoints(p_endpoint_ids uuid[], p_limit integer, p_bytes integer)
returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_fitting  uuid[] := '{}'::uuid[];
    v_bytes    bigint := 0;
    v_endpoint record;
begin
    for v_endpoint in
        select endpoint.endpoint_id, spec_of.spec
          from kronos.endpoints as endpoint
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
          join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
           and spec_of.version = coalesce(made_of.spec_version, made_of.version)
         where endpoint.endpoint_id = any (p_endpoint_ids[1:p_limit])
         order by array_position(p_endpoint_ids, endpoint.endpoint_id)
    loop
        v_bytes := v_bytes + octet_length(v_endpoint.spec::text);
        exit when v_bytes > p_bytes and cardinality(v_fitting) > 0;
        v_fitting := v_fitting || v_endpoint.endpoint_id;
    end loop;
    return v_fitting;
end
$$;
