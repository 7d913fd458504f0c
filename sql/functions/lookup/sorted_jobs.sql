-- sorted_jobs: one page of the workspace's live CRON jobs in the order of their names or next ticks: the ids
-- of the first p_limit after a place in it that match every non-null filter. Jobs without a name, or without
-- a next tick, come last. Each order is that of an index, which is scanned until the page is full. If a
-- filter leaves few jobs, those are found first and then sorted: up to 2,000 for a text (search_jobs). Runs
-- as the owner, bound to the caller's workspace, as find_jobs.
-- p_by: name or next_run. p_after_name, p_after_at: the place's name, or ~, and instant.
-- Returns: in that order, each with its instant if sorted by it.
create or replace function kronos.sorted_jobs(p_by text, p_endpoint text, p_status text, p_tag text, p_q text,
                                              p_created_after timestamptz, p_created_before timestamptz,
                                              p_after_name text, p_after_at timestamptz, p_after_id uuid,
                                              p_limit integer)
returns table (job_id uuid, at timestamptz)
language plpgsql stable rows 50 security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_few       constant integer := 2000;
    c_never     constant timestamptz := timestamptz '9999-12-31 00:00:00+00';
    v_workspace constant uuid   := kronos.current_workspace_id();
    v_statuses  constant text[] := case when p_status in ('ACTIVE', 'PAUSED') then array[p_status]
                                        else array['ACTIVE', 'PAUSED'] end;
    v_name      constant text   := coalesce(p_after_name, '');
    v_at        constant timestamptz := coalesce(p_after_at, '-infinity');
    v_id        constant uuid   := coalesce(p_after_id, '00000000-0000-0000-0000-000000000000');
    v_endpoints uuid[];
    v_named     uuid[];      -- the endpoints whose names contain q
    v_few       uuid[];      -- the jobs that q finds; null: there are many
begin
    select coalesce(array_agg(endpoint.endpoint_id) filter (where endpoint.name = p_endpoint), '{}'),
           array_agg(endpoint.endpoint_id) filter (where position(lower(p_q) in lower(endpoint.name)) > 0)
      into v_endpoints, v_named
      from kronos.endpoints as endpoint where endpoint.workspace_id = v_workspace;
    select case when p_q is not null and count(*) <= c_few then coalesce(array_agg(found.job_id), '{}') end
      into v_few
      from kronos.search_jobs(case when p_endpoint is not null then v_endpoints end, array['CRON'],
                              v_statuses, p_tag, p_q, p_created_after, p_created_before, 'infinity',
                              'ffffffff-ffff-ffff-ffff-ffffffffffff', c_few + 1) as found
     where p_q is not null;
    if p_by = 'name' then
        return query
            select job.job_id, null::timestamptz
              from kronos.jobs as job
             where job.workspace_id = v_workspace
               and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
               and job.status = any (v_statuses)
               and (coalesce(job.name collate "C", '~'), job.job_id) > (v_name collate "C", v_id)
               and (p_endpoint is null or job.endpoint_id = any (v_endpoints))
               and (p_tag is null or job.tags @> array[p_tag])
               and (v_few is null or job.job_id = any (v_few))
               and (p_q is null or v_few is not null or kronos.is_found(job, p_q, v_named))
               and (p_created_after is null or job.created_at > p_created_after)
               and (p_created_before is null or job.created_at < p_created_before)
             order by coalesce(job.name collate "C", '~'), job.job_id
             limit p_limit;
        return;
    end if;
    return query
        select next.job_id, next.at
          from (select pointer.job_id,
                       case when pointer.is_paused or pointer.is_halted or pointer.is_internal then c_never
                            else least(pointer.next_tick_at, c_never) end as at
                  from kronos.pointers as pointer
                 where pointer.workspace_id = v_workspace) as next
          join kronos.jobs as job on job.job_id = next.job_id
         where (next.at, next.job_id) > (v_at, v_id)
           and job.trigger = 'CRON' and job.status = any (v_statuses)
           and (p_endpoint is null or job.endpoint_id = any (v_endpoints))
           and (p_tag is null or job.tags @> array[p_tag])
           and (v_few is null or job.job_id = any (v_few))
           and (p_q is null or v_few is not null or kronos.is_found(job, p_q, v_named))
           and (p_created_after is null or job.created_at > p_created_after)
           and (p_created_before is null or job.created_at < p_created_before)
         order by next.at, next.job_id
         limit p_limit;
end
$$;
