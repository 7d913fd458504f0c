-- first_runs: executions of an endpoint that wait for their first delivery, in these of its queues: the
-- p_limit that have waited longest. Retries wait in the same queues, so the first p_looks executions are
-- examined, and at least p_limit of each queue. If these are fewer than p_limit due before p_before, retries
-- may hide others: it examines as many again, at another place each time. Half the time they follow an
-- instant between there and p_before, and half the time they are among the next twenty times as many, which
-- may all be due at the same instant. So each has its turn, however many retries wait before it.
create or replace function kronos.first_runs(p_endpoint_id uuid, p_queues integer[], p_before timestamptz,
                                             p_limit integer, p_looks integer)
returns setof kronos.execution_live
language plpgsql volatile rows 100 set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_looks   constant integer := greatest(p_looks / cardinality(p_queues), p_limit);
    v_by_rank constant boolean := random() < 0.5;
    v_skip    constant integer := case when v_by_rank
                                       then v_looks + (greatest(21 * random() - 1, 0) * v_looks)::integer
                                       else 0 end;
    v_share   constant double precision := random();
    v_found   integer := 0;      -- those due before p_before
    v_run     kronos.execution_live;
begin
    for v_run in
        select first.*
          from unnest(p_queues) as known (queue)
         cross join lateral (select looked.*
                               from (select each.*
                                       from kronos.execution_live as each
                                      where each.endpoint_id = p_endpoint_id
                                        and each.claim_token is null
                                        and kronos.queue_of(each.priority) = known.queue
                                        and each.visible_at < kronos.now()
                                      order by each.visible_at
                                      limit v_looks) as looked
                              where looked.attempt_count = 0
                              order by looked.visible_at
                              limit p_limit) as first
         order by first.visible_at
         limit p_limit
    loop
        v_found := v_found + (v_run.visible_at < p_before)::integer;
        return next v_run;
    end loop;
    if v_found = p_limit then
        return;
    end if;
    return query
        select more.*
          from unnest(p_queues) as known (queue)
         cross join lateral (select case when v_by_rank then '-infinity' else
                                    (select each.visible_at + v_share * (p_before - each.visible_at)
                                       from kronos.execution_live as each
                                      where each.endpoint_id = p_endpoint_id
                                        and each.claim_token is null
                                        and kronos.queue_of(each.priority) = known.queue
                                        and each.visible_at < p_before
                                      order by each.visible_at
                                     offset v_looks limit 1) end as at
                             offset 0) as start
         cross join lateral (select each.*
                               from kronos.execution_live as each
                              where each.endpoint_id = p_endpoint_id
                                and each.claim_token is null
                                and kronos.queue_of(each.priority) = known.queue
                                and each.visible_at >= start.at
                                and each.visible_at < p_before
                              order by each.visible_at
                             offset v_skip limit v_looks) as more
         where more.attempt_count = 0
         order by more.visible_at
         limit p_limit - v_found;
end
$$;
