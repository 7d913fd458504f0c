-- jobs_by_id: search_jobs among ids: the jobs whose id begins with p_q, ignoring case, and that come after a
-- place in the list. p_q has at least four hexadecimal digits and no more than an id; hyphens may follow
-- these four. Anything else begins no id. Runs as the owner, bound to the caller's workspace.
-- Returns: in no order.
create or replace function kronos.jobs_by_id(p_endpoint_ids uuid[], p_triggers text[], p_statuses text[],
                                             p_tag text, p_q text, p_created_after timestamptz,
                                             p_created_before timestamptz, p_before_created_at timestamptz,
                                             p_before_id uuid)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 1 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_workspace constant uuid := kronos.current_workspace_id();
    v_q         constant text := lower(p_q);
    v_digits    constant text := case when v_q ~ '^[0-9a-f]{4}[0-9a-f-]*$' then replace(v_q, '-', '') end;
    v_lowest    uuid;
    v_highest   uuid;
begin
    if v_digits is null or length(v_digits) > 32 then
        return;
    end if;
    v_lowest := rpad(v_digits, 32, '0')::uuid;
    v_highest := rpad(v_digits, 32, 'f')::uuid;
    return query
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
           and (job.created_at, job.job_id) < (p_before_created_at, p_before_id);
end
$$;
