-- first_due_of: up to p_most due executions of an endpoint, of any priority: the first of each queue (as
-- first_due). p_from: executions due earlier have been taken, except those whose priority puts them behind
-- others: twenty minutes is the widest distance of two ranks (rank_of). Excludes p_cancelled: jobs whose
-- executions are being ended.
create or replace function kronos.first_due_of(p_endpoint_id uuid, p_from timestamptz, p_most integer,
                                               p_cancelled uuid[] default '{}')
returns table (visible_at timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    return query
        select first.visible_at
          from (select used.queue,
                       case when cardinality(kronos.queues_in_use(p_endpoint_id)) > 1
                            then p_from - interval '20 minutes'
                            else p_from
                       end as due_from
                  from unnest(kronos.queues_in_use(p_endpoint_id)) as used (queue)) as queue
         cross join lateral (select live.visible_at
                               from kronos.execution_live as live
                              where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                and kronos.queue_of(live.priority) = queue.queue
                                and live.visible_at <= kronos.now() and live.visible_at >= queue.due_from
                                and coalesce(live.deadline_at, 'infinity') > kronos.now()
                                and live.job_id <> all (p_cancelled)
                              order by live.visible_at
                              limit p_most) as first
         limit p_most;
end
$$;
