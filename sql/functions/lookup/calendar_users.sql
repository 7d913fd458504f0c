-- calendar_users: the live jobs that name a calendar of the transaction's workspace, by id.
create or replace function kronos.calendar_users(p_name text, p_limit integer)
returns table (job_id uuid, name text)
language plpgsql stable rows 10 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        select job.job_id, job.name
          from kronos.jobs as job
         where job.calendars @> array[p_name] and job.calendars <> '{}'
           and job.status in ('ACTIVE', 'PAUSED')
           and job.workspace_id = kronos.current_workspace_id()
         order by job.job_id
         limit p_limit;
end
$$;
