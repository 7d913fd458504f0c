-- require_endpoints: that the transaction's workspace has an endpoint of each of these names.
-- Raises: KR012 for the first that it has not, with those that it has, where they are few.
create or replace function kronos.require_endpoints(p_names text[], p_workspace text, p_is_many boolean)
returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_missing record;
begin
    select named.name, named.nth into v_missing
      from (select each.name, min(each.nth) as nth
              from unnest(p_names) with ordinality as each (name, nth)
             group by each.name) as named
     where not exists (select from kronos.endpoints as endpoint
                        where endpoint.workspace_id = kronos.current_workspace_id()
                          and endpoint.name = named.name
                          and endpoint.deleted_at is null)
     order by named.nth
     limit 1;
    if found then
        raise sqlstate 'KR012' using
            column = 'endpoint',
            message = concat(case when p_is_many then format('jobs[%s].', v_missing.nth - 1) end,
                             format('endpoint: no endpoint %L in workspace %s', left(v_missing.name, 64),
                                    p_workspace)),
            hint = coalesce((select 'known are ' || string_agg(endpoint.name, ', ' order by endpoint.name)
                               from (select each.name
                                       from kronos.endpoints as each
                                      where each.workspace_id = kronos.current_workspace_id()
                                        and each.deleted_at is null
                                      limit 10) as endpoint),
                            'create it first: kronos endpoint create');
    end if;
end
$$;
