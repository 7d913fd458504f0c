-- find_versions: the versions that a caller means by a job's id or name. An id means that version; a name
-- means all versions of the job that has it (find_job), whatever they were called. Row level security
-- applies.
-- Returns: null if no job has that name; an id is returned unchanged.
create or replace function kronos.find_versions(p_job text) returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off      -- the planner does not know how many versions a job has
as $$
declare
    v_job_id uuid := kronos.find_job(p_job);
begin
    if v_job_id::text = p_job then
        return array[v_job_id];
    end if;
    return (select array_agg(version.job_id)
              from kronos.jobs as version
             where version.workspace_id = kronos.current_workspace_id()
               and version.first_version_id
                   = (select job.first_version_id from kronos.jobs as job where job.job_id = v_job_id));
end
$$;
