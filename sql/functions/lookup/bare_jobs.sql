-- bare_jobs: search_jobs for rows without a search_text: an earlier release created them, and the reaper has
-- not processed them yet (note_search_texts). As long as there are any, their names, titles and descriptions
-- are read one by one, only from their index, in the order of the list. Runs as the owner, bound to the
-- caller's workspace.
-- Returns: in no order, the newest p_limit of each trigger and status.
create or replace function kronos.bare_jobs(p_endpoint_ids uuid[], p_triggers text[], p_statuses text[],
                                            p_tag text, p_q text, p_created_after timestamptz,
                                            p_created_before timestamptz, p_before_created_at timestamptz,
                                            p_before_id uuid, p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
    v_q         constant text := lower(p_q);
begin
    if not exists (select from kronos.jobs as job
                    where job.workspace_id = v_workspace
                      and job.search_text is null
                      and (job.name is not null or job.title is not null or job.description is not null)) then
        return;
    end if;
    return query
        select named.id, named.at
          from unnest(p_triggers) as wanted (trigger)
         cross join unnest(p_statuses) as wanted_too (status)
         cross join lateral (select job.job_id as id, job.created_at as at
                               from kronos.jobs as job
                              where job.workspace_id = v_workspace
                                and job.trigger = wanted.trigger
                                and job.status = wanted_too.status
                                and job.search_text is null
                                and (job.name is not null or job.title is not null
                                     or job.description is not null)
                                and (position(v_q in lower(job.name collate "C")) > 0
                                     or position(v_q in lower(job.title)) > 0
                                     or position(v_q in lower(job.description collate "C")) > 0)
                                and (p_endpoint_ids is null or job.endpoint_id = any (p_endpoint_ids))
                                and (p_tag is null
                                     or exists (select from kronos.jobs as whole
                                                 where whole.job_id = job.job_id
                                                   and whole.tags @> array[p_tag]))
                                and (p_created_after is null or job.created_at > p_created_after)
                                and (p_created_before is null or job.created_at < p_created_before)
                                and (p_before_created_at = 'infinity'
                                     or (job.created_at, job.job_id) < (p_before_created_at, p_before_id))
                              order by job.created_at desc, job.job_id desc
                              limit p_limit) as named;
end
$$;
