-- settle_version: settle_ticks, for a change that is meant for certain versions of a job only (If-Match;
-- null: for any). Where the job is at another version, no statement that follows in the transaction finds a
-- job to change (settled_job_id is null). After the lock: the version stays what it is. The first statement
-- of the transaction that replaces, cancels, pauses, resumes or sets skip_next.   Returns, raises: as
-- settle_ticks.
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
