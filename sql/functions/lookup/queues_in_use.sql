-- queues_in_use: the queues of execution_live_ready in which an endpoint's executions may wait: each priority
-- is one, 11 that of priority 0, which is the only one of nearly all endpoints.
create or replace function kronos.queues_in_use(p_endpoint_id uuid) returns integer[]
language sql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
    select case when exists (select
                               from kronos.execution_live as live
                              where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                and kronos.queue_of(live.priority) < 11)
                then '{-10,-9,-8,-7,-6,-5,-4,-3,-2,-1,1,2,3,4,5,6,7,8,9,10,11}'
                else '{11}'
           end::integer[]
$$;
