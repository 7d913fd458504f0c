-- search_jobs: find_jobs with a text q. Finds jobs whose name, title or description of the schedule contains
-- it (jobs_by_text; bare_jobs for rows of an earlier release), or whose endpoint's name does
-- (matching_endpoints), or, if no tag is given, one of whose tags does (matching_tags), ignoring case; and
-- jobs whose id begins with it (jobs_by_id). If few jobs have the given tag, they are read first; if many
-- have it, the newest are found soon. Runs as the owner, bound to the caller's workspace.
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
    v_endpoints constant uuid[]  := kronos.matching_endpoints(p_q, p_endpoint_ids);
    v_tagged    uuid[];      -- the jobs with the tag; null: there are many, or no tag is given
    v_ids       uuid[];      -- the newest jobs of v_endpoints
    v_at        timestamptz[];
    v_full_at   timestamptz; -- if they fill the page, no older job is on it
begin
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
    return query
        select either.id, either.at
          from (select named.job_id as id, named.created_at as at
                  from kronos.jobs_by_text(p_endpoint_ids, p_triggers, p_statuses, p_tag, p_q, v_tagged,
                                           v_full_at, p_created_after, p_created_before, p_before_created_at,
                                           p_before_id, p_limit) as named
                 union
                select bare.job_id, bare.created_at
                  from kronos.bare_jobs(p_endpoint_ids, p_triggers, p_statuses, p_tag, p_q, p_created_after,
                                        p_created_before, p_before_created_at, p_before_id, p_limit) as bare
                 union
                select begun.job_id, begun.created_at
                  from kronos.jobs_by_id(p_endpoint_ids, p_triggers, p_statuses, p_tag, p_q, p_created_after,
                                         p_created_before, p_before_created_at, p_before_id) as begun
                 union
                select found.id, found.at from unnest(v_ids, v_at) as found (id, at)) as either
         order by either.at desc, either.id desc
         limit p_limit;
end
$$;
