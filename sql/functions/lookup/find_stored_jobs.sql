-- find_stored_jobs: find_jobs among the jobs with a row in kronos.jobs. Each (trigger, status) that the
-- filters allow is read in an index's own order, of the workspace, the tag, or each endpoint of that name,
-- and the results are merged; so other combinations, such as a million finished one-shots, are not read. The
-- plan is made for the given arguments and contains no null filters. Runs as the owner, called by find_jobs.
-- Returns: newest first.
create or replace function kronos.find_stored_jobs(
    p_endpoint text, p_trigger text, p_status text, p_tag text, p_q text, p_created_after timestamptz,
    p_created_before timestamptz, p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_workspace constant uuid   := kronos.current_workspace_id();
    v_triggers  constant text[] := case when p_trigger is null then array['IMMEDIATE', 'DELAYED', 'CRON']
                                        else array[p_trigger] end;
    v_statuses  constant text[] := case when p_status is null
                                        then array['ACTIVE', 'PAUSED', 'RETIRED', 'COMPLETED']
                                        else array[p_status] end;
    v_before_at timestamptz     := coalesce(p_before_created_at, 'infinity');
    v_before_id uuid            := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_endpoints uuid[];
begin
    if p_endpoint is not null then
        v_endpoints := array(select endpoint.endpoint_id
                               from kronos.endpoints as endpoint
                              where endpoint.workspace_id = v_workspace and endpoint.name = p_endpoint);
    end if;
    if p_q is not null then
        return query
            select found.job_id, found.created_at
              from kronos.search_jobs(v_endpoints, v_triggers, v_statuses, p_tag, p_q, p_created_after,
                                      p_created_before, v_before_at, v_before_id,
                                      p_limit) as found;
    elsif p_tag is not null then
        return query
            select found.job_id, found.created_at
              from kronos.tagged_jobs(p_tag, v_endpoints, v_triggers, v_statuses, p_created_after,
                                      p_created_before, v_before_at, v_before_id,
                                      p_limit) as found;
    elsif v_endpoints is not null then
        return query
            select found.job_id, found.created_at
              from kronos.endpoints_jobs(v_endpoints, v_triggers, v_statuses, p_created_after,
                                         p_created_before, v_before_at, v_before_id,
                                         p_limit) as found;
    else
        return query
            select found.job_id, found.created_at
              from unnest(v_triggers) as wanted (trigger)
             cross join unnest(v_statuses) as wanted_too (status)
             cross join lateral (select job.job_id, job.created_at
                                   from kronos.jobs as job
                                  where job.workspace_id = v_workspace
                                    and job.trigger = wanted.trigger
                                    and job.status = wanted_too.status
                                    and (p_created_after is null or job.created_at > p_created_after)
                                    and (p_created_before is null or job.created_at < p_created_before)
                                    and (job.created_at, job.job_id) < (v_before_at, v_before_id)
                                  order by job.created_at desc, job.job_id desc
                                  limit p_limit) as found
             order by found.created_at desc, found.job_id desc
             limit p_limit;
    end if;
end
$$;
