-- waiting_endpoints: endpoints whose oldest unclaimed execution has been due since before p_before, among the
-- first p_endpoints with anything to claim, and what it waits for: null means a worker; otherwise its
-- workspace or its own gate, or a limit of either.
-- One index lookup per endpoint that has something to claim (waiting_after), so it costs the same however
-- many wait and however many there were.
-- p_from: executions that were due before are not read.
create or replace function kronos.waiting_endpoints(p_before timestamptz, p_endpoints integer,
                                                    p_from timestamptz default '-infinity')
returns table (endpoint_id uuid, due_at timestamptz, waits_for text, unserved_group text)
language sql stable security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
    select endpoint.endpoint_id, first.due_at,
           case when workspace.status <> 'ACTIVE'              then 'its workspace is ' || workspace.status
                when gate.paused_until > kronos.now()                 then
                    coalesce((select 'it is ' || health.state
                                from kronos.endpoint_health as health
                               where health.endpoint_id = gate.endpoint_id and health.state <> 'ACTIVE'),
                             'deliveries to it are paused')
                when gate.trial_seconds is not null and gate.in_flight > 0 then 'it is on trial'
                when gate.worker_group is not null and not kronos.is_group_served(gate.worker_group)
                    then format('no worker serves its group %s', gate.worker_group)
                when coalesce(gate.max_in_flight, gate.rate_count, workspace.max_concurrency) is not null
                    then (select case state.closed_by
                                      when 'endpoint_full'
                                          then format('its limit of %s at once is reached',
                                                      kronos.counted(state.max_in_flight, 'delivery',
                                                                     'deliveries'))
                                      when 'workspace_full'
                                          then format('its workspace''s limit of %s at once is reached',
                                                      state.max_concurrency)
                                      when 'rate_limited'
                                          then format('its rate limit is %s per %s s', state.rate_count,
                                                      state.rate_seconds)
                                 end
                            from kronos.gate_state(endpoint.endpoint_id) as state)
           end,
           case when gate.worker_group is not null and not kronos.is_group_served(gate.worker_group)
                then gate.worker_group end
      from kronos.waiting_after('00000000-0000-0000-0000-000000000000', p_endpoints, p_from) as endpoint
     cross join lateral (select case when endpoint.priority is null then endpoint.visible_at
                                     else kronos.first_due(endpoint.endpoint_id, p_from)
                                end as due_at
                         offset 0) as first
      join kronos.endpoint_gate as gate on gate.endpoint_id = endpoint.endpoint_id
      join kronos.workspaces as workspace on workspace.workspace_id = gate.workspace_id
     where first.due_at < p_before
$$;
