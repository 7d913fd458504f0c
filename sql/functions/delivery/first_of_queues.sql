-- first_of_queues: the first due execution of each queue of an endpoint that has one, and its rank
-- (claim_shares). Inlined.
create or replace function kronos.first_of_queues(p_endpoint_id uuid, p_due_from timestamptz,
                                                  p_rank_from timestamptz)
returns table (queue integer, priority integer, visible_at timestamptz, rank timestamptz)
language sql stable
as $$
    select each.queue, each.queue % 11, first.visible_at, kronos.rank_of(first.visible_at, each.queue % 11)
      from (select queue, p_rank_from + queue % 11 * interval '1 minute' as ranked_from
              from unnest(kronos.queues()) as queue) as each
     cross join lateral (select live.visible_at
                           from kronos.execution_live as live
                          where live.endpoint_id = p_endpoint_id and live.claim_token is null
                            and kronos.queue_of(live.priority) = each.queue
                            and live.visible_at <= kronos.now()
                            and live.visible_at >= least(p_due_from, each.ranked_from)
                          order by live.visible_at
                          limit 1) as first
$$;
