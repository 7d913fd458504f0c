-- count_wanted: count the one-shots that make_one_shots is about to create: those of the names that the given
-- endpoints have (count_made). Called only if the workspace has quotas. Runs as the caller: row level
-- security applies.
-- Raises: KR040, KR041.
create or replace function kronos.count_wanted(p_names text[], p_endpoint_ids uuid[], p_inputs jsonb[])
returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.count_made((select count(*)
                                 from unnest(p_names) as named (name)
                                 join kronos.endpoints as endpoint
                                   on endpoint.endpoint_id = any (p_endpoint_ids)
                                  and endpoint.name = named.name), p_inputs);
end
$$;
