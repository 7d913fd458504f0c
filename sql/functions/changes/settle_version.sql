-- settle_version: settle_ticks for a change that is meant only for certain versions of a job (If-Match; null:
-- any version). If the job is at another version, settled_job_id is null and no later statement of the
-- transaction finds a job to change. This is checked after the lock, so the version cannot change any more.
-- It is the first statement of a transaction that replaces, cancels, pauses, resumes or sets skip_next.
-- Returns, raises: as settle_ticks.
create or replace function kronos.settle_version(p_job_id uuid, p_versions integer[]) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_made integer := kronos.settle_ticks(p_job_id);
begin
    if p_versions is not null
       and not exists (select
                         from kronos.job_rows(p_job_id) as job
                        where job.workspace_id = kronos.current_workspace_id()
                          and job.version = any (p_versions)) then
        perform set_config('kronos.settled_job_id', '', true);
    end if;
    return v_made;
end
$$;
