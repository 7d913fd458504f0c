-- live_one_shots: find_one_shots among the unfinished ones. Each endpoint's IMMEDIATE and DELAYED ones are
-- read in their index's order, and merged with those that workers are delivering (claimed_one_shots). With
-- very many endpoints the newest of the workspace are read first (newest_live_one_shots), and the endpoints
-- only if that does not fill the page.
-- Returns: one row: ids and instants, newest first.
create or replace function kronos.live_one_shots(
    p_endpoint_ids uuid[], p_immediates boolean[], p_prefix text, p_after timestamptz, p_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer,
    out job_ids uuid[], out made timestamptz[]
)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off set jit = off
as $$
declare
    c_many     constant integer := 200;      -- as in done_one_shots
    v_is_whole boolean := false;
begin
    if cardinality(p_endpoint_ids) > c_many then
        select near.job_ids, near.made, near.is_whole into job_ids, made, v_is_whole
          from kronos.newest_live_one_shots(p_endpoint_ids, p_immediates, p_prefix, p_after, p_before,
                                            p_before_created_at, p_before_id, p_limit) as near;
    end if;
    if v_is_whole then
        return;
    end if;
    select coalesce(array_agg(top.id order by top.at desc, top.id desc), '{}'),
           coalesce(array_agg(top.at order by top.at desc, top.id desc), '{}')
      into job_ids, made
      from (select found.id, found.at
              from unnest(p_endpoint_ids) as endpoint (id)
             cross join unnest(p_immediates) as wanted (is_immediate)
             cross join lateral (select live.execution_id as id, live.created_at as at
                                   from kronos.execution_live as live
                                  where live.endpoint_id = endpoint.id
                                    and (live.scheduled_at = live.created_at) = wanted.is_immediate
                                    and live.job_id = live.execution_id and live.claim_token is null
                                    and live.created_at > p_after and live.created_at < p_before
                                    and (live.created_at, live.execution_id) < (p_before_created_at,
                                                                                p_before_id)
                                    and (p_prefix is null or starts_with(live.execution_id::text, p_prefix))
                                    and not exists (select from kronos.jobs as job
                                                     where job.job_id = live.execution_id)
                                  order by live.created_at desc, live.execution_id desc
                                  limit p_limit) as found
             union all
            select claimed.id, claimed.at
              from kronos.claimed_one_shots(p_endpoint_ids, p_immediates, p_prefix, p_after, p_before,
                                            p_before_created_at, p_before_id, p_limit) as claimed
             order by at desc, id desc
             limit p_limit) as top;
end
$$;
