-- queues_in_use: the queues in which an endpoint's executions may wait. For nearly all endpoints only 11, the
-- queue of priority 0.
create or replace function kronos.queues_in_use(p_endpoint_id uuid) returns integer[]
language sql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
    select case when exists (select
                               from kronos.execution_live as live
                              where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                and kronos.queue_of(live.priority) < 11)
                then kronos.queues()
                else '{11}'::integer[]
           end
$$;
