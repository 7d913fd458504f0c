-- endpoints_jobs: of the jobs of the endpoints given the newest p_limit that come after a place in the list,
-- as find_jobs reads a workspace's. The caller looks the endpoints up in its own workspace.   Returns: newest
-- first.
create or replace function kronos.endpoints_jobs(p_endpoint_ids uuid[], p_triggers text[], p_statuses text[],
                                                 p_created_after timestamptz, p_created_before timestamptz,
                                                 p_before_created_at timestamptz, p_before_id uuid,
                                                 p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
begin
    return query
        select found.job_id, found.created_at
          from unnest(p_endpoint_ids) as endpoint (endpoint_id)
         cross join unnest(p_triggers) as wanted (trigger)
         cross join unnest(p_statuses) as wanted_too (status)
         cross join lateral (select job.job_id, job.created_at
                               from kronos.jobs as job
                              where job.endpoint_id = endpoint.endpoint_id
                                and job.trigger = wanted.trigger
                                and job.status = wanted_too.status
                                and (p_created_after is null or job.created_at > p_created_after)
                                and (p_created_before is null or job.created_at < p_created_before)
                                and (job.created_at, job.job_id) < (p_before_created_at, p_before_id)
                              order by job.created_at desc, job.job_id desc
                              limit p_limit) as found
         order by found.created_at desc, found.job_id desc
         limit p_limit;
end
$$;
