-- gate_state: the current state of the limits of an endpoint and its workspace: how many deliveries count
-- (null: none are counted), the available tokens, when the next one comes (null: one is available, or there
-- is no rate), and why nothing more can be claimed: workspace_full, endpoint_full or rate_limited. Row level
-- security applies.
create or replace function kronos.gate_state(p_endpoint_id uuid)
returns table (in_flight integer, max_in_flight integer, rate_count integer, rate_seconds integer,
               tokens integer, next_token_at timestamptz, workspace_in_flight integer,
               max_concurrency integer, closed_by text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when coalesce(gate.max_in_flight, gate.key_max, workspace.max_concurrency) is not null
                then gate.in_flight end,
           gate.max_in_flight, gate.rate_count, gate.rate_seconds, floor(bucket.tokens + 1e-6)::integer,
           case when bucket.tokens + 1e-6 < 1
                then kronos.now() + make_interval(secs => (1 - bucket.tokens) * gate.rate_seconds
                                                          / gate.rate_count) end,
           counted.in_flight, workspace.max_concurrency,
           case when counted.in_flight >= workspace.max_concurrency then 'workspace_full'
                when gate.in_flight >= gate.max_in_flight           then 'endpoint_full'
                when bucket.tokens + 1e-6 < 1                       then 'rate_limited'
           end
      from kronos.endpoint_gate as gate
      join kronos.workspaces as workspace on workspace.workspace_id = gate.workspace_id
      left join kronos.workspace_gate as counted on counted.workspace_id = gate.workspace_id
     cross join lateral (select kronos.refilled(gate.rate_tokens, gate.rate_at, gate.rate_count,
                                                gate.rate_seconds, gate.rate_burst,
                                                kronos.now()) as tokens) as bucket
     where gate.endpoint_id = p_endpoint_id
$$;
