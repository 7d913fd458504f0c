-- search_jobs: find_jobs with a text q: jobs whose name or title, or whose endpoint's name, has it in it, in
-- whatever case; and, from four hexadecimal digits on, jobs whose id begins with it. Names and titles are
-- read from their index alone, and not the jobs (50,000 names: about 20 ms); one-shots without a name cost
-- nothing. As the owner, bound to the caller's workspace.   Returns: newest first.
create or replace function kronos.search_jobs(p_endpoint text, p_triggers text[], p_statuses text[], p_tag text, p_q text, p_created_after timestamptz,
                                              p_created_before timestamptz, p_before_created_at timestamptz, p_before_id uuid, p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
    v_q         constant text := lower(p_q);
    v_digits    constant text := case when v_q ~ '^[0-9a-f]{4}[0-9a-f-]*$' then replace(v_q, '-', '') end;
    v_lowest    uuid;
    v_highest   uuid;
    v_endpoints uuid[];
begin
    if length(v_digits) <= 32 then
        v_lowest := rpad(v_digits, 32, '0')::uuid;
        v_highest := rpad(v_digits, 32, 'f')::uuid;
    end if;
    v_endpoints := array(select endpoint.endpoint_id
                           from kronos.endpoints as endpoint
                          where endpoint.workspace_id = v_workspace
                            and position(v_q in lower(endpoint.name)) > 0
                            and (p_endpoint is null or endpoint.name = p_endpoint));
    return query
        with named as materialized (
            select job.job_id as id, job.created_at as at
              from kronos.jobs as job
             where job.workspace_id = v_workspace
               and (job.name is not null or job.title is not null)
               and (position(v_q in lower(job.name)) > 0 or position(v_q in lower(job.title)) > 0)
             union all
            select job.job_id, job.created_at
              from kronos.jobs as job
             where job.workspace_id = v_workspace
               and job.job_id between v_lowest and v_highest
               and starts_with(job.job_id::text, v_q)
        )
        select either.id, either.at
          from ((select newest.id, newest.at
                   from (select named.id, named.at
                           from named
                          where (named.at, named.id) < (p_before_created_at, p_before_id)
                            and (p_created_after is null or named.at > p_created_after)
                            and (p_created_before is null or named.at < p_created_before)
                          order by named.at desc, named.id desc) as newest
                  cross join lateral (select
                                        from kronos.jobs as job
                                        join kronos.endpoints as endpoint using (endpoint_id)
                                       where job.job_id = newest.id
                                         and job.trigger = any (p_triggers)
                                         and job.status = any (p_statuses)
                                         and (p_tag is null or job.tags @> array[p_tag])
                                         and (p_endpoint is null or endpoint.name = p_endpoint)
                                       limit 1) as is_wanted
                  limit p_limit)
                 union
                select found.job_id, found.created_at
                  from kronos.endpoints_jobs(v_endpoints, p_triggers, p_statuses, p_tag, p_created_after, p_created_before, p_before_created_at,
                                             p_before_id, p_limit) as found) as either
         order by either.at desc, either.id desc
         limit p_limit;
end
$$;
