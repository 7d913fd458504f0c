-- unfinished_within: a workspace's unfinished executions that are under way, or due before p_until: the first
-- p_most of each queue of its newest 1,000 endpoints. So it costs the same however many wait, and however
-- many are due later. Executions that wait for another run of their job, or for their concurrency key, are
-- included. Runs as the caller: row level security applies.
-- Returns: rows in no order, with the state RUNNING, RETRYING, QUEUED or PENDING, as executions are shown;
-- due_at: since when it waits or is under way, or when it is due; waits_for: what it waits for other than a
-- worker.
create or replace function kronos.unfinished_within(p_workspace_id uuid, p_until timestamptz, p_most integer)
returns table (execution_id uuid, job_id uuid, endpoint_id uuid, state text, scheduled_at timestamptz,
               due_at timestamptz, worker_id text, waits_for text)
language plpgsql stable rows 100 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off set jit = off
as $$
begin
    return query
        select live.execution_id, live.job_id, live.endpoint_id, 'RUNNING', live.scheduled_at,
               live.claimed_at, live.worker_id, null::text
          from (select claimed.*
                  from kronos.execution_live as claimed
                 where claimed.claim_token is not null
                 limit 10000) as live
         where live.workspace_id = p_workspace_id;
    return query
        with served as materialized (
            select endpoint.endpoint_id
              from (select newest.endpoint_id
                      from kronos.endpoints as newest
                     where newest.workspace_id = p_workspace_id
                     order by newest.created_at desc, newest.endpoint_id desc
                     limit 1000) as endpoint
             where exists (select from kronos.execution_live as any_of
                            where any_of.endpoint_id = endpoint.endpoint_id and any_of.claim_token is null)
        )
        select waiting.execution_id, waiting.job_id, served.endpoint_id,
               case when waiting.attempt_count > 0            then 'RETRYING'
                    when waiting.visible_at > kronos.now() then 'PENDING'
                    else 'QUEUED' end,
               waiting.scheduled_at, waiting.visible_at, null::text, null::text
          from served
         cross join unnest(kronos.queues()) as queue (number)
         cross join lateral (select live.*
                               from kronos.execution_live as live
                              where live.endpoint_id = served.endpoint_id and live.claim_token is null
                                and kronos.queue_of(live.priority) = queue.number
                                and live.visible_at < p_until
                              order by live.visible_at
                              limit p_most) as waiting
         where waiting.parked_at is null;
    return query
        select held.execution_id, held.job_id, held.endpoint_id, 'QUEUED', held.scheduled_at, held.run_at,
               null::text, 'it waits for another run of its job to end (overlap)'
          from (select live.*
                  from kronos.execution_live as live
                 where live.visible_at = 'infinity' and live.parked_at is null
                 limit 10000) as held
         where held.workspace_id = p_workspace_id and held.run_at < p_until
         limit p_most;
    return query
        select parked.execution_id, parked.job_id, parked.endpoint_id, 'QUEUED', parked.scheduled_at,
               parked.parked_at, null::text,
               'it waits for other executions with its concurrency key to end'
          from (select live.* from kronos.execution_live as live
                 where live.parked_at is not null
                 limit 10000) as parked
         where parked.workspace_id = p_workspace_id
         limit p_most;
end
$$;
