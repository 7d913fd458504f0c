-- waiting_after: the first p_limit endpoints after p_after, by their ids, with an execution that nobody has
-- claimed, and the row that was found there. A loose scan of execution_live_ready: one index lookup per
-- endpoint, however much waits. p_from: executions that were due before are not read.
create or replace function kronos.waiting_after(p_after uuid, p_limit integer,
                                                p_from timestamptz default '-infinity')
returns table (endpoint_id uuid, visible_at timestamptz, priority smallint)
language sql stable rows 100 set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
    with recursive endpoint as (
        (select live.endpoint_id, live.visible_at, live.priority, 1 as nth
           from kronos.execution_live as live
          where live.claim_token is null
            and live.visible_at < 'infinity'
            and live.visible_at >= p_from
            and live.endpoint_id > p_after
          order by live.endpoint_id, kronos.queue_of(live.priority), live.visible_at
          limit 1)
        union all
        select following.endpoint_id, following.visible_at, following.priority, endpoint.nth + 1
          from endpoint
         cross join lateral (select live.endpoint_id, live.visible_at, live.priority
                               from kronos.execution_live as live
                              where live.claim_token is null
                                and live.visible_at < 'infinity'
                                and live.visible_at >= p_from
                                and live.endpoint_id > endpoint.endpoint_id
                              order by live.endpoint_id, kronos.queue_of(live.priority), live.visible_at
                              limit 1) as following
         where endpoint.nth < p_limit
    )
    select endpoint.endpoint_id, endpoint.visible_at, endpoint.priority from endpoint
$$;
