-- look_at_keyed: a step of pick_keyed: of up to p_limit executions of an endpoint that are due and have the
-- rank p_from or a later one, beside those that were picked (p_ids, p_keys), it picks what its keys have room
-- for, and parks the rest. Each priority is a queue of its own, as claim_shares has it.
-- Returns: one row: what it picked, lowest rank first; how many it looked at, and the last of their ranks.
create or replace function kronos.look_at_keyed(p_endpoint_id uuid, p_parts jsonb, p_max integer,
                                                p_from timestamptz, p_limit integer, p_ids uuid[],
                                                p_keys text[], out ids uuid[], out keys text[],
                                                out seen integer, out last_rank timestamptz)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    with queue as materialized (
        select each.queue, p_from + each.queue % 11 * interval '1 minute' as due_from
          from unnest(kronos.queues_in_use(p_endpoint_id)) as each (queue)
    ), first as materialized (
        select next.execution_id, kronos.rank_of(next.visible_at, queue.queue % 11) as rank
          from queue
         cross join lateral (select live.execution_id, live.visible_at
                               from kronos.execution_live as live
                              where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                and kronos.queue_of(live.priority) = queue.queue
                                and live.visible_at <= kronos.now() and live.visible_at >= queue.due_from
                                and (live.deadline_at is null or live.deadline_at > kronos.now())
                                and live.job_id not in (select job_id from kronos.cancelled_jobs)
                                and live.execution_id <> all (p_ids)
                              order by live.visible_at
                              limit p_limit) as next
         order by rank
         limit p_limit
    ), candidate as materialized (
        select live.execution_id, first.rank, kronos.concurrency_key(p_parts, live.input) as key
          from first
          join kronos.execution_live as live on live.execution_id = first.execution_id
         where live.claim_token is null and live.visible_at <= kronos.now()
           for update of live skip locked
    ), room as materialized (
        select each.key,
               p_max - (select count(*)
                          from (select
                                  from kronos.execution_live as running
                                 where running.endpoint_id = p_endpoint_id
                                   and running.concurrency_key = each.key
                                   and running.parked_at is null
                                   and running.claim_token is not null
                                 limit p_max) as held)
                     - (select count(*) from unnest(p_keys) as picked (key) where picked.key = each.key)
                   as executions
          from (select distinct candidate.key from candidate) as each
    ), placed as materialized (
        select candidate.*, room.executions >= row_number() over (partition by candidate.key
                                                                  order by candidate.rank,
                                                                           candidate.execution_id) as fits
          from candidate
          join room on room.key = candidate.key
    ), parked as (
        update kronos.execution_live as live
           set parked_at = live.visible_at, visible_at = '9999-12-31 00:00:00+00',
               concurrency_key = placed.key
          from placed
         where live.execution_id = placed.execution_id and not placed.fits
    )
    select coalesce(array_agg(execution_id order by rank, execution_id) filter (where fits), '{}'),
           coalesce(array_agg(key order by rank, execution_id) filter (where fits), '{}'),
           (select count(*) from first), (select max(first.rank) from first)
      into ids, keys, seen, last_rank
      from placed;
end
$$;
