-- claim_shares: of an endpoint at which executions of several priorities wait: how many of each a claim of
-- p_room takes, in the order of their ranks (rank_of). Each priority is a queue of its own in
-- execution_live_ready, 11 that of priority 0, so what is not due yet stands in nobody's way, whatever its
-- priority. Nothing is locked: the claim takes as many of each as it can lock. p_due_from, p_rank_from: what
-- was due, and ranked, before has been taken.
-- Returns: a row for each queue that is taken of, with from when on it is worth reading.
create or replace function kronos.claim_shares(p_endpoint_id uuid, p_due_from timestamptz,
                                               p_rank_from timestamptz, p_room integer)
returns table (queue integer, executions integer, due_from timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    return query
        with known as materialized (
            select each.queue, each.queue % 11 as priority,
                   least(p_due_from, p_rank_from + each.queue % 11 * interval '1 minute') as due_from
              from unnest(kronos.queues()) as each (queue)
        )
        select taken.queue, count(*)::integer, min(taken.due_from)
          from (select known.queue, known.due_from
                  from known
                 cross join lateral (select live.visible_at
                                       from kronos.execution_live as live
                                      where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                        and kronos.queue_of(live.priority) = known.queue
                                        and live.visible_at <= kronos.now()
                                        and live.visible_at >= known.due_from
                                        and (live.deadline_at is null or live.deadline_at > kronos.now())
                                        and live.job_id not in (select job_id from kronos.cancelled_jobs)
                                      order by live.visible_at
                                      limit greatest(p_room, 0)) as first
                 order by kronos.rank_of(first.visible_at, known.priority), first.visible_at
                 limit greatest(p_room, 0)) as taken
         group by taken.queue;
end
$$;
