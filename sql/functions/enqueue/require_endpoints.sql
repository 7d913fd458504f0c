-- require_endpoints: checks that the transaction's workspace has an endpoint of each name, and that SQL can
-- create jobs for it. An endpoint with a payload spec takes only validated inputs, and PostgreSQL cannot
-- validate against a JSON Schema.
-- Raises: KR012 for the first missing endpoint, with up to ten that exist; KR016 for the first with a payload
-- spec.
create or replace function kronos.require_endpoints(p_names text[], p_workspace text, p_is_many boolean)
returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_wrong record;
    v_at    text;
begin
    select named.name, named.nth, endpoint.endpoint_id, spec.name as payload_spec into v_wrong
      from (select each.name, min(each.nth) as nth
              from unnest(p_names) with ordinality as each (name, nth)
             group by each.name) as named
      left join kronos.endpoints as endpoint on endpoint.workspace_id = kronos.current_workspace_id()
       and endpoint.name = named.name
       and endpoint.deleted_at is null
      left join kronos.documents as spec on spec.document_id = endpoint.payload_spec_id
     where endpoint.endpoint_id is null or endpoint.payload_spec_id is not null
     order by named.nth
     limit 1;
    if not found then
        return;
    end if;
    v_at := concat(case when p_is_many then format('jobs[%s].', v_wrong.nth - 1) end, 'endpoint: ');
    if v_wrong.endpoint_id is not null then
        raise sqlstate 'KR016' using
            column = 'endpoint',
            message = format('%s%L has the payload spec %L, against which SQL cannot validate an input',
                             v_at, v_wrong.name, v_wrong.payload_spec),
            hint = format('Use the API, which validates it, or `kronos job create-many --workspace %s`.',
                          p_workspace);
    end if;
    raise sqlstate 'KR012' using
        column = 'endpoint',
        message = format('%sno endpoint %L in workspace %s', v_at, left(v_wrong.name, 64), p_workspace),
        hint = coalesce((select format('Known endpoints: %s.',
                                       string_agg(endpoint.name, ', ' order by endpoint.name))
                           from (select each.name
                                   from kronos.endpoints as each
                                  where each.workspace_id = kronos.current_workspace_id()
                                    and each.deleted_at is null
                                  limit 10) as endpoint),
                        'Create it first: `kronos endpoint create`.');
end
$$;
