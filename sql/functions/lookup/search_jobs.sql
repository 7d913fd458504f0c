-- search_jobs: find_jobs with a text q. Finds jobs whose name, title or description of the schedule
-- (search_text) contains it, or whose endpoint's name does, or, if no tag is given, one of whose tags does
-- (matching_tags), ignoring case; and, from four hexadecimal digits on, jobs whose id begins with it.
-- Texts are read in the order of the list, only from their index, until the page is full. Jobs without a
-- text, as most one-shots, cost nothing. A text has one line per part, so a q of two lines is never found.
-- Rows of an earlier release are read separately as long as there are any (bare_jobs). If few jobs have the
-- given tag, they are read first; if many have it, the newest are found soon. Runs as the owner, bound to the
-- caller's workspace.
-- Returns: newest first.
create or replace function kronos.search_jobs(p_endpoint_ids uuid[], p_triggers text[], p_statuses text[],
                                              p_tag text, p_q text, p_created_after timestamptz,
                                              p_created_before timestamptz, p_before_created_at timestamptz,
                                              p_before_id uuid, p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_few       constant integer := 2000;
    v_workspace constant uuid    := kronos.current_workspace_id();
    v_q         constant text    := lower(p_q);
    v_text      constant text    := case when position(E'\n' in v_q) = 0 then v_q end;
    v_digits    constant text    := case when v_q ~ '^[0-9a-f]{4}[0-9a-f-]*$' then replace(v_q, '-', '') end;
    v_lowest    constant uuid    := case when length(v_digits) <= 32 then rpad(v_digits, 32, '0')::uuid end;
    v_highest   constant uuid    := case when length(v_digits) <= 32 then rpad(v_digits, 32, 'f')::uuid end;
    v_endpoints uuid[];      -- those whose names contain q
    v_tagged    uuid[];      -- the jobs with the tag; null: there are many, or no tag is given
    v_ids       uuid[];      -- the newest jobs of v_endpoints
    v_at        timestamptz[];
    v_full_at   timestamptz; -- if they fill the page, no older job is on it
begin
    v_endpoints := array(select endpoint.endpoint_id
                           from kronos.endpoints as endpoint
                          where endpoint.workspace_id = v_workspace
                            and position(v_q in lower(endpoint.name)) > 0
                            and (p_endpoint_ids is null or endpoint.endpoint_id = any (p_endpoint_ids)));
    if p_tag is not null then
        v_tagged := array(select few.job_id
                            from kronos.tagged_jobs(p_tag, p_endpoint_ids, p_triggers, p_statuses,
                                                    p_created_after, p_created_before,
                                                    p_before_created_at, p_before_id, c_few + 1) as few);
        v_tagged := case when cardinality(v_tagged) <= c_few then v_tagged end;
    end if;
    if v_endpoints <> '{}' then
        select array_agg(found.job_id), array_agg(found.created_at),
               case when count(*) = p_limit then min(found.created_at) end
          into v_ids, v_at, v_full_at
          from (select few.* from kronos.endpoints_jobs(v_endpoints, p_triggers, p_statuses, p_created_after,
                                                        p_created_before, p_before_created_at,
                                                        p_before_id, p_limit) as few where p_tag is null
                 union all
                select few.* from kronos.tagged_jobs(p_tag, v_endpoints, p_triggers, p_statuses,
                                                     p_created_after, p_created_before,
                                                     p_before_created_at, p_before_id,
                                                     p_limit) as few where p_tag is not null) as found;
    end if;
    if p_tag is null then
        select v_ids || array_agg(found.job_id), v_at || array_agg(found.created_at)
          into v_ids, v_at
          from unnest(kronos.matching_tags(p_q)) as matching (tag)
         cross join lateral kronos.tagged_jobs(matching.tag, p_endpoint_ids, p_triggers, p_statuses,
                                               p_created_after, p_created_before, p_before_created_at,
                                               p_before_id, p_limit) as found;
    end if;
    if exists (select from kronos.jobs as job
                where job.workspace_id = v_workspace
                  and job.search_text is null
                  and (job.name is not null or job.title is not null or job.description is not null)) then
        select v_ids || array_agg(bare.job_id), v_at || array_agg(bare.created_at)
          into v_ids, v_at
          from kronos.bare_jobs(p_endpoint_ids, p_triggers, p_statuses, p_tag, p_q, p_created_after,
                                p_created_before, p_before_created_at, p_before_id, p_limit) as bare;
    end if;
    return query
        select either.id, either.at
          from (select named.id, named.at
                  from unnest(p_triggers) as wanted (trigger)
                 cross join unnest(p_statuses) as wanted_too (status)
                 cross join lateral (select job.job_id as id, job.created_at as at
                                       from kronos.jobs as job
                                      where job.workspace_id = v_workspace
                                        and job.trigger = wanted.trigger
                                        and job.status = wanted_too.status
                                        and job.search_text is not null
                                        and (v_tagged is null or job.job_id = any (v_tagged))
                                        and position(v_text in (job.search_text collate "C")) > 0
                                        and (p_endpoint_ids is null or job.endpoint_id = any (p_endpoint_ids))
                                        and (p_tag is null or v_tagged is not null
                                             or exists (select from kronos.jobs as whole
                                                         where whole.job_id = job.job_id
                                                           and whole.tags @> array[p_tag]))
                                        and (v_full_at is null or job.created_at >= v_full_at)
                                        and (p_created_after is null or job.created_at > p_created_after)
                                        and (p_created_before is null or job.created_at < p_created_before)
                                        and (p_before_created_at = 'infinity'
                                             or (job.created_at, job.job_id)
                                                < (p_before_created_at, p_before_id))
                                      order by job.created_at desc, job.job_id desc
                                      limit p_limit) as named
                 union
                select job.job_id, job.created_at
                  from kronos.jobs as job
                 where job.workspace_id = v_workspace
                   and job.job_id between v_lowest and v_highest
                   and starts_with(job.job_id::text, v_q)
                   and job.trigger = any (p_triggers)
                   and job.status = any (p_statuses)
                   and (p_endpoint_ids is null or job.endpoint_id = any (p_endpoint_ids))
                   and (p_tag is null or job.tags @> array[p_tag])
                   and (p_created_after is null or job.created_at > p_created_after)
                   and (p_created_before is null or job.created_at < p_created_before)
                   and (job.created_at, job.job_id) < (p_before_created_at, p_before_id)
                 union
                select found.id, found.at from unnest(v_ids, v_at) as found (id, at)) as either
         order by either.at desc, either.id desc
         limit p_limit;
end
$$;
