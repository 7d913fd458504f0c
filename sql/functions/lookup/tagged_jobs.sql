-- tagged_jobs: the newest p_limit jobs with a tag in the caller's workspace (of the given endpoints, if any)
-- that come after a place in the list. Each (trigger, status) is read in the table's own order, and the
-- results are merged: however many jobs have the tag, only those on the page are read. Runs as the owner,
-- bound to the caller's workspace.
-- Returns: newest first.
create or replace function kronos.tagged_jobs(p_tag text, p_endpoint_ids uuid[], p_triggers text[],
                                              p_statuses text[], p_created_after timestamptz,
                                              p_created_before timestamptz, p_before_created_at timestamptz,
                                              p_before_id uuid, p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
begin
    return query
        select found.job_id, found.created_at
          from unnest(p_triggers) as wanted (trigger)
         cross join unnest(p_statuses) as wanted_too (status)
         cross join lateral (select noted.job_id, noted.created_at
                               from kronos.job_tags as noted
                              where noted.workspace_id = v_workspace
                                and noted.tag = p_tag
                                and noted.trigger = wanted.trigger
                                and noted.status = wanted_too.status
                                and (p_endpoint_ids is null or noted.endpoint_id = any (p_endpoint_ids))
                                and (p_created_after is null or noted.created_at > p_created_after)
                                and (p_created_before is null or noted.created_at < p_created_before)
                                and (noted.created_at, noted.job_id) < (p_before_created_at, p_before_id)
                              order by noted.created_at desc, noted.job_id desc
                              limit p_limit) as found
         order by found.created_at desc, found.job_id desc
         limit p_limit;
end
$$;
