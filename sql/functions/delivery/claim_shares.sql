-- claim_shares: for an endpoint with waiting executions of several priorities: how many of each priority a
-- claim of p_room takes, in the order of their ranks (rank_of). Each priority is a separate queue in
-- execution_live_ready, where 11 is the queue of priority 0; so executions that are not due never block
-- others, whatever their priority.
-- Nothing is locked: the claim takes as many of each as it can lock. p_due_from, p_rank_from: executions due,
-- or ranked, before these have been taken. The queue whose first execution has the lowest rank is read first;
-- of the next queues only executions ahead of the last one taken so far are read: usually none.
-- Returns: one row per queue to take from, with the time from which it is worth reading.
create or replace function kronos.claim_shares(p_endpoint_id uuid, p_due_from timestamptz,
                                               p_rank_from timestamptz, p_room integer)
returns table (queue integer, executions integer, due_from timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    v_known  record;
    v_found  record;
    v_queues integer[]     := array[]::integer[];
    v_times  timestamptz[] := array[]::timestamptz[];
    v_ranks  timestamptz[] := array[]::timestamptz[];
    v_read   integer       := 0;                            -- queues with executions to take
    v_bound  timestamptz   := 'infinity'::timestamptz;      -- the last one's rank, once there are p_room
begin
    if not exists (select
                     from kronos.execution_live as live
                    where live.endpoint_id = p_endpoint_id and live.claim_token is null
                      and kronos.queue_of(live.priority) < 11) then
        return query select 11, p_room, least(p_due_from, p_rank_from);
        return;
    end if;
    for v_known in
        select first.*
          from kronos.first_of_queues(p_endpoint_id, p_due_from, p_rank_from) as first
         order by first.rank
    loop
        exit when v_known.rank > v_bound or p_room <= 0;
        select array_agg(v_known.queue) as queues, array_agg(first.visible_at) as times,
               array_agg(kronos.rank_of(first.visible_at, v_known.priority)) as ranks
          into v_found
          from (select live.visible_at
                  from kronos.execution_live as live
                 where live.endpoint_id = p_endpoint_id and live.claim_token is null
                   and kronos.queue_of(live.priority) = v_known.queue
                   and live.visible_at between v_known.visible_at
                       and least(kronos.now(), v_bound + v_known.priority * interval '1 minute')
                   and (live.deadline_at is null or live.deadline_at > kronos.now())
                   and live.job_id not in (select job_id from kronos.cancelled_jobs)
                 order by live.visible_at
                 limit p_room) as first;
        v_read   := v_read + (v_found.queues is not null)::integer;      -- null: all are past their deadline
        v_queues := v_queues || v_found.queues;
        v_times  := v_times || v_found.times;
        v_ranks  := v_ranks || v_found.ranks;
        if v_read = 1 then
            v_bound := coalesce(v_ranks[p_room], v_bound);      -- already sorted
        elsif cardinality(v_ranks) >= p_room then
            v_bound := (select each from unnest(v_ranks) as each order by each offset p_room - 1 limit 1);
        end if;
    end loop;
    if v_read = 1 then      -- the usual case: saves a sort and two statements
        return query select v_queues[1], least(cardinality(v_ranks), p_room),
                            least(p_due_from, p_rank_from + v_queues[1] % 11 * interval '1 minute');
        return;
    end if;
    return query
        select taken.queue, count(*)::integer,
               least(p_due_from, p_rank_from + taken.queue % 11 * interval '1 minute')
          from (select each.queue
                  from unnest(v_queues, v_times, v_ranks) as each (queue, visible_at, rank)
                 order by each.rank, each.visible_at
                 limit greatest(p_room, 0)) as taken
         group by taken.queue;
end
$$;
