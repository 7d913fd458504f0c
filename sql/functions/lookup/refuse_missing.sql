-- refuse_missing: raises if none of the given endpoints of the transaction's workspace has the first, or
-- another, of the names.
-- Raises: KR012 for the first such name; KR016 if its endpoint is left out because its inputs were not
-- validated (refuse_unvalidated).
create or replace function kronos.refuse_missing(p_names text[], p_endpoint_ids uuid[]) returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing text;
begin
    select named.name into v_missing
      from unnest(p_names) with ordinality as named (name, place)
     where not exists (select from kronos.endpoints as endpoint
                        where endpoint.endpoint_id = any (p_endpoint_ids) and endpoint.name = named.name)
     order by named.place
     limit 1;
    if found then
        perform kronos.refuse_unvalidated(v_missing);
        raise sqlstate 'KR012' using
            message = format('no endpoint %s in this workspace',
                             coalesce(quote_literal(v_missing), 'without a name'));
    end if;
end
$$;
