-- matching_endpoints: the endpoints of the caller's workspace (of those given, if any) whose name contains a
-- text, ignoring case. Runs as the owner, bound to the caller's workspace.
create or replace function kronos.matching_endpoints(p_q text, p_endpoint_ids uuid[]) returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
    v_q         constant text := lower(p_q);
begin
    return array(select endpoint.endpoint_id
                   from kronos.endpoints as endpoint
                  where endpoint.workspace_id = v_workspace
                    and position(v_q in lower(endpoint.name)) > 0
                    and (p_endpoint_ids is null or endpoint.endpoint_id = any (p_endpoint_ids)));
end
$$;
