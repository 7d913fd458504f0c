-- live_page: the newest p_limit unfinished executions of a workspace (or of some versions of a job, if
-- p_job_ids are given) that come after a place in the list.
-- Returns: newest first. Runs as the caller: row level security applies.
create or replace function kronos.live_page(p_workspace_id uuid, p_job_ids uuid[], p_status text,
                                            p_scheduled_after timestamptz, p_scheduled_before timestamptz,
                                            p_before_created_at timestamptz, p_before_id uuid,
                                            p_limit integer)
returns table (execution_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
begin
    return query
        select live.execution_id, live.created_at
          from kronos.execution_live as live
         where live.workspace_id = p_workspace_id
           and (p_job_ids is null
                or (live.job_id = any (p_job_ids) and live.job_id <> live.execution_id)
                or (live.execution_id = any (p_job_ids) and live.job_id = live.execution_id))
           and (p_status is null or p_status = case when live.claim_token is not null then 'RUNNING'
                                                    when live.visible_at = 'infinity' then 'QUEUED'
                                                    when live.attempt_count > 0       then 'RETRYING'
                                                    when live.parked_at is not null   then 'QUEUED'
                                                    when live.visible_at > kronos.now()      then 'PENDING'
                                                    else 'QUEUED'
                                               end)
           and (p_scheduled_after is null or live.scheduled_at > p_scheduled_after)
           and (p_scheduled_before is null or live.scheduled_at < p_scheduled_before)
           and (live.created_at, live.execution_id) < (p_before_created_at, p_before_id)
         order by live.created_at desc, live.execution_id desc
         limit p_limit;
end
$$;
