-- endpoints_jobs: the newest p_limit jobs of the given endpoints that come after a place in the list, read as
-- find_jobs reads a workspace's: each endpoint's in its index's order, merged; with very many endpoints first
-- in the workspace's order (newest_jobs). The caller reads the endpoints in its own workspace.
-- Returns: newest first.
create or replace function kronos.endpoints_jobs(p_endpoint_ids uuid[], p_triggers text[], p_statuses text[],
                                                 p_created_after timestamptz, p_created_before timestamptz,
                                                 p_before_created_at timestamptz, p_before_id uuid,
                                                 p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_many constant integer := 200;
    v_near record;      -- jobs found without reading each endpoint, and the combinations not read
begin
    if cardinality(p_endpoint_ids) > c_many then
        v_near := kronos.newest_jobs(p_endpoint_ids, p_triggers, p_statuses, p_created_after,
                                     p_created_before, p_before_created_at, p_before_id, p_limit);
    else
        select '{}'::uuid[] as job_ids, '{}'::timestamptz[] as made,
               array_agg(wanted.trigger) as rest_triggers, array_agg(wanted_too.status) as rest_statuses
          into v_near
          from unnest(p_triggers) as wanted (trigger)
         cross join unnest(p_statuses) as wanted_too (status);
    end if;
    return query
        select either.job_id, either.created_at
          from (select near.job_id, near.created_at
                  from unnest(v_near.job_ids, v_near.made) as near (job_id, created_at)
                 union all
                select found.job_id, found.created_at
                  from unnest(v_near.rest_triggers, v_near.rest_statuses) as rest (trigger, status)
                 cross join unnest(p_endpoint_ids) as endpoint (endpoint_id)
                 cross join lateral (select job.job_id, job.created_at
                                       from kronos.jobs as job
                                      where job.endpoint_id = endpoint.endpoint_id
                                        and job.trigger = rest.trigger
                                        and job.status = rest.status
                                        and (p_created_after is null or job.created_at > p_created_after)
                                        and (p_created_before is null or job.created_at < p_created_before)
                                        and (job.created_at, job.job_id) < (p_before_created_at, p_before_id)
                                      order by job.created_at desc, job.job_id desc
                                      limit p_limit) as found) as either
         order by either.created_at desc, either.job_id desc
         limit p_limit;
end
$$;
