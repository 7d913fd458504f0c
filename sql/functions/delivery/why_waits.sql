-- why_waits: why an endpoint's due executions are not delivered, as a sentence for people. Runs as the
-- caller: row level security confines it.
-- Returns: null if the only reason is that workers are busy, or that there are none.
create or replace function kronos.why_waits(p_endpoint_id uuid) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when workspace.status <> 'ACTIVE'
                then 'its workspace is ' || lower(workspace.status)
                when gate.paused_until > kronos.now()
                then coalesce((select format('endpoint %s is %s: %s%s', endpoint.name, lower(health.state),
                                             coalesce(health.reason ->> 'detail', 'its deliveries fail'),
                                             ' (' || (health.reason ->> 'note') || ')')
                                 from kronos.endpoint_health as health
                                where health.endpoint_id = gate.endpoint_id and health.state <> 'ACTIVE'),
                              format('deliveries to endpoint %s are paused', endpoint.name))
                when gate.trial_seconds is not null and gate.in_flight > 0
                then format('endpoint %s is on trial, with one delivery at a time', endpoint.name)
                when gate.worker_group is not null and not kronos.is_group_served(gate.worker_group)
                then format('no worker serves the group %s', gate.worker_group)
                else (select case state.closed_by
                                 when 'endpoint_full'
                                     then format('endpoint %s is at its limit of %s concurrent deliveries',
                                                 endpoint.name, state.max_in_flight)
                                 when 'workspace_full'
                                     then format('the workspace is at its limit of %s concurrent deliveries',
                                                 state.max_concurrency)
                                 when 'rate_limited'
                                     then format('endpoint %s is at its rate limit of %s per %s s',
                                                 endpoint.name, state.rate_count, state.rate_seconds) end
                        from kronos.gate_state(p_endpoint_id) as state)
           end
      from kronos.endpoint_gate as gate
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = gate.workspace_id
     where gate.endpoint_id = p_endpoint_id
$$;
