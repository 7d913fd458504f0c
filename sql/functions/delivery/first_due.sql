-- first_due: when the first of an endpoint's unclaimed executions is due, from p_from on, of any priority.
-- Called if some executions have a priority: each priority is a separate queue in execution_live_ready, where
-- 11 is the queue of priority 0.
-- Returns: null if nothing waits.
create or replace function kronos.first_due(p_endpoint_id uuid, p_from timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    return (select min(first.visible_at)
              from unnest(kronos.queues()) as known (queue)
             cross join lateral (select live.visible_at
                                   from kronos.execution_live as live
                                  where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                    and kronos.queue_of(live.priority) = known.queue
                                    and live.visible_at < 'infinity' and live.visible_at >= p_from
                                  order by live.visible_at
                                  limit 1) as first);
end
$$;
