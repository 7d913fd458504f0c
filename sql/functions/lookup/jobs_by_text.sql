-- jobs_by_text: search_jobs among the search_texts of jobs: those of the newest p_limit of each trigger and
-- status that contain p_q, ignoring case, and come after a place in the list; if p_tagged is given, among
-- these, and not older than p_since, if that is. Read in the order of the list, only from their index, until
-- the page is full. Jobs without a text, as most one-shots, cost nothing. A text has one line per part, so a
-- q of two lines is never found. Runs as the owner, bound to the caller's workspace.
-- Returns: in no order, the newest p_limit of each trigger and status.
create or replace function kronos.jobs_by_text(p_endpoint_ids uuid[], p_triggers text[], p_statuses text[],
                                               p_tag text, p_q text, p_tagged uuid[], p_since timestamptz,
                                               p_created_after timestamptz, p_created_before timestamptz,
                                               p_before_created_at timestamptz, p_before_id uuid,
                                               p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
    v_text      constant text := case when position(E'\n' in p_q) = 0 then lower(p_q) end;
begin
    return query
        select named.id, named.at
          from unnest(p_triggers) as wanted (trigger)
         cross join unnest(p_statuses) as wanted_too (status)
         cross join lateral (select job.job_id as id, job.created_at as at
                               from kronos.jobs as job
                              where job.workspace_id = v_workspace
                                and job.trigger = wanted.trigger
                                and job.status = wanted_too.status
                                and job.search_text is not null
                                and (p_tagged is null or job.job_id = any (p_tagged))
                                and position(v_text in (job.search_text collate "C")) > 0
                                and (p_endpoint_ids is null or job.endpoint_id = any (p_endpoint_ids))
                                and (p_tag is null or p_tagged is not null
                                     or exists (select from kronos.jobs as whole
                                                 where whole.job_id = job.job_id
                                                   and whole.tags @> array[p_tag]))
                                and (p_since is null or job.created_at >= p_since)
                                and (p_created_after is null or job.created_at > p_created_after)
                                and (p_created_before is null or job.created_at < p_created_before)
                                and (p_before_created_at = 'infinity'
                                     or (job.created_at, job.job_id) < (p_before_created_at, p_before_id))
                              order by job.created_at desc, job.job_id desc
                              limit p_limit) as named;
end
$$;
