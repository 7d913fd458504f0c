-- system_queue: due executions that wait for a worker, by workspace and transport: p_most executions in
-- total, from the first p_endpoints endpoints with anything to claim. The cost depends neither on how many
-- wait nor on the history.
-- Returns: one row per workspace and transport, the longest wait first. due: how many; oldest_seconds: the
-- longest wait.
create or replace function kronos.system_queue(p_endpoints integer, p_most integer)
returns table (workspace text, transport text, due bigint, oldest_seconds double precision)
language plpgsql stable rows 100 security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now constant timestamptz := kronos.now();
begin
    return query
        with waiting as materialized (
            select found.endpoint_id, endpoint.workspace_id, lower(endpoint.type) as kind, found.due_at
              from kronos.waiting_endpoints(v_now, p_endpoints) as found
              join kronos.endpoints as endpoint on endpoint.endpoint_id = found.endpoint_id
        ), counted as (
            select waiting.workspace_id, waiting.kind, waiting.due_at
              from waiting
             -- unless priorities are used, the lowest queue is the only one
             cross join lateral (select kronos.queue_of(live.priority) as least
                                   from kronos.execution_live as live
                                  where live.claim_token is null and live.endpoint_id = waiting.endpoint_id
                                  order by live.endpoint_id, kronos.queue_of(live.priority), live.visible_at
                                  limit 1) as first
             -- By the index, one endpoint after the other. Otherwise the planner would read the executions of
             -- all endpoints once for each.
             cross join lateral (select
                                   from unnest(kronos.queues()) as known (queue)
                                   join kronos.execution_live as live
                                     on live.endpoint_id = waiting.endpoint_id
                                    and live.claim_token is null
                                    and kronos.queue_of(live.priority) = known.queue
                                    and live.visible_at <= v_now
                                  where known.queue >= first.least
                                 offset 0) as live
             limit p_most
        ), summed as (
            select counted.workspace_id, counted.kind, count(*) as number,
                   min(greatest(counted.due_at, '1970-01-01 00:00:00+00')) as oldest_at
              from counted
             group by counted.workspace_id, counted.kind
        )
        select found.slug, summed.kind, summed.number,
               extract(epoch from v_now - summed.oldest_at)::double precision
          from summed
          join kronos.workspaces as found on found.workspace_id = summed.workspace_id
         order by 4 desc, 1, 2;
end
$$;
