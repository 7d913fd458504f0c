-- done_page: the newest p_limit finished executions of a workspace (of some versions of a job, if p_job_ids
-- are given) that come after a place in the list, with ids in [p_from, p_to) and created within [p_made_from,
-- p_made_to]. A null bound means no bound. The plan is made for the given arguments: it contains only the
-- partitions of these ids, and no null filters. Each status of each version is read in its index's own order,
-- and the results are merged.
-- If scheduled_at is filtered, prompt rows were created within an hour of it, so the index's range is limited
-- to those. Rows created much earlier (DELAYED) or later (missed, backfilled) have their own index,
-- execution_done_odd.
-- Returns: newest first; if scheduled_at is filtered, the odd rows follow: up to twice p_limit in total, to
-- be merged. Runs as the caller: row level security applies.
create or replace function kronos.done_page(p_workspace_id uuid, p_job_ids uuid[], p_status text,
                                            p_scheduled_after timestamptz, p_scheduled_before timestamptz,
                                            p_before_created_at timestamptz, p_before_id uuid,
                                            p_from timestamptz, p_to timestamptz, p_made_from timestamptz,
                                            p_made_to timestamptz, p_limit integer)
returns table (execution_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_statuses text[] := case when p_status is null
                              then array['SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED']
                              else array[p_status] end;
    v_versions uuid[] := coalesce(p_job_ids, array[null::uuid]);      -- null: any
    v_first_id uuid   := kronos.uuid7_floor(p_from);
    v_end_id   uuid   := kronos.uuid7_floor(p_to);
    v_made_to  timestamptz := least(p_made_to, p_before_created_at);
    v_prompt_from timestamptz := greatest(p_made_from, p_scheduled_after - interval '1 hour');
    v_prompt_to   timestamptz := least(v_made_to, p_scheduled_before + interval '1 hour');
begin
    return query
        select prompt.id, prompt.at
          from unnest(v_statuses) as wanted (status)
         cross join unnest(v_versions) as version (id)
         cross join lateral (select done.execution_id as id, done.created_at as at
                               from kronos.execution_done as done
                              where done.workspace_id = p_workspace_id
                                and (p_job_ids is null or done.job_id = version.id)
                                and done.status = wanted.status
                                and (v_prompt_from is null or done.created_at >= v_prompt_from)
                                and done.created_at <= v_prompt_to
                                and (done.created_at, done.execution_id) < (p_before_created_at, p_before_id)
                                and (v_first_id is null or done.execution_id >= v_first_id)
                                and (v_end_id is null or done.execution_id < v_end_id)
                                and (p_scheduled_after is null or done.scheduled_at > p_scheduled_after)
                                and (p_scheduled_before is null or done.scheduled_at < p_scheduled_before)
                              order by done.created_at desc, done.execution_id desc
                              limit p_limit) as prompt
         order by prompt.at desc, prompt.id desc
         limit p_limit;
    if p_scheduled_after is null and p_scheduled_before is null then
        return;      -- no row was excluded by its scheduled time
    end if;
    return query
        select done.execution_id, done.created_at
          from kronos.execution_done as done
         where done.workspace_id = p_workspace_id
           and (p_job_ids is null or done.job_id = any (p_job_ids))
           and (p_status is null or done.status = p_status)
           and case when done.created_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                      and done.scheduled_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                 then (done.created_at - done.scheduled_at)
                      not between interval '-1 hour' and interval '1 hour'
                 else true      -- an infinite instant has no distance
               end
           and (p_made_from is null or done.created_at >= p_made_from)
           and done.created_at <= v_made_to
           and (done.created_at < v_prompt_from or done.created_at > v_prompt_to)
           and (done.created_at, done.execution_id) < (p_before_created_at, p_before_id)
           and (v_first_id is null or done.execution_id >= v_first_id)
           and (v_end_id is null or done.execution_id < v_end_id)
           and (p_scheduled_after is null or done.scheduled_at > p_scheduled_after)
           and (p_scheduled_before is null or done.scheduled_at < p_scheduled_before)
         order by done.created_at desc, done.execution_id desc
         limit p_limit;
end
$$;
