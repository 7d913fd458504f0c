-- why_waits: what keeps an endpoint's due executions from being delivered, a sentence for people. As the
-- caller, so row level security confines it.
-- Returns: null where nothing does but workers that are busy, or none.
create or replace function kronos.why_waits(p_endpoint_id uuid) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when workspace.status <> 'ACTIVE'
                then 'its workspace is ' || lower(workspace.status)
                when gate.paused_until > kronos.now()
                then coalesce((select format('endpoint %s is %s: %s', endpoint.name, lower(health.state),
                                             coalesce(health.reason ->> 'detail', 'its deliveries fail'))
                                 from kronos.endpoint_health as health
                                where health.endpoint_id = gate.endpoint_id and health.state <> 'ACTIVE'),
                              format('deliveries to endpoint %s are paused', endpoint.name))
                when gate.trial_seconds is not null and gate.in_flight > 0
                then format('endpoint %s is tried by one delivery at a time', endpoint.name)
                when gate.worker_group is not null and not kronos.is_group_served(gate.worker_group)
                then format('no worker serves the group %s', gate.worker_group)
                else (select case state.closed_by
                                 when 'endpoint_full'
                                     then format('endpoint %s takes %s deliveries at once, and they are '
                                                 'under way', endpoint.name, state.max_in_flight)
                                 when 'workspace_full'
                                     then format('the workspace may have %s deliveries at once, and they are '
                                                 'under way', state.max_concurrency)
                                 when 'rate_limited'
                                     then format('endpoint %s takes %s in %s s', endpoint.name,
                                                 state.rate_count, state.rate_seconds) end
                        from kronos.gate_state(p_endpoint_id) as state)
           end
      from kronos.endpoint_gate as gate
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = gate.workspace_id
     where gate.endpoint_id = p_endpoint_id
$$;
