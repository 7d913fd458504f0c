-- late_runs: executions of these workspaces that wait for their first delivery: of each endpoint that has had
-- something due since before p_before, the p_limit that have waited longest (first_runs), whatever their
-- priority; of many endpoints fewer each, up to 50,000 in all. To find them it passes over about 100,000
-- retries. So it takes about a second, however much waits after an outage: all alerts of the instance wait
-- for it.
-- Of more than 10,000 endpoints with work to claim, it reads 10,000 that follow p_start, another place each
-- time: their ids are random, so that each has its turn.
create or replace function kronos.late_runs(p_workspace_ids uuid[], p_before timestamptz, p_limit integer,
                                            p_start uuid, p_endpoints integer)
returns setof kronos.execution_live
language sql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
    select live.*
      from (select waiting.endpoint_id, least(p_limit, greatest(50000 / count(*) over (), 1)) as share,
                   100000 / count(*) over () as looks,
                   case when waiting.priority is null then '{11}' else kronos.queues() end as queues
              from (select * from kronos.waiting_after(p_start, p_endpoints) as following
                     union all
                    select *
                      from kronos.waiting_after('00000000-0000-0000-0000-000000000000', p_endpoints) as first
                     where first.endpoint_id <= p_start
                     limit p_endpoints) as waiting
              join kronos.endpoints as endpoint using (endpoint_id)
             cross join lateral (select case when waiting.priority is null then waiting.visible_at
                                             else kronos.first_due(waiting.endpoint_id, '-infinity')
                                        end as due_at
                                 offset 0) as due
             where endpoint.workspace_id = any (p_workspace_ids)
               and due.due_at < p_before
            offset 0) as late
     cross join lateral kronos.first_runs(late.endpoint_id, late.queues, p_before, late.share::integer,
                                          late.looks::integer) as live
$$;
