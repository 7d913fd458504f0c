-- find_job: the job that a caller names by id or by name; for a name, the live version, otherwise the newest.
-- Row level security applies.
-- Returns: null if no job has that name; an id is returned unchanged.
-- plpgsql, not sql: it keeps its plan.
create or replace function kronos.find_job(p_job text) returns uuid
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return p_job::uuid;
    end if;
    return (select job.job_id
              from kronos.jobs as job
             where job.workspace_id = kronos.current_workspace_id()
               and job.name = p_job
             order by (job.status in ('ACTIVE', 'PAUSED')) desc, job.created_at desc, job.version desc
             limit 1);
end
$$;
