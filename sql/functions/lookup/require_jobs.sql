-- require_jobs: that all of these jobs are there: the last word of a transaction that makes them, all or
-- none.
-- As the caller: row level security holds.
-- Returns: how many.   Raises: KR010 where one is not: its endpoint went, or its key or name was taken,
-- after they were looked at.
create or replace function kronos.require_jobs(p_job_ids uuid[]) returns integer
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_found integer;
begin
    select count(*) into v_found
      from unnest(p_job_ids) as wanted (id)
      join kronos.jobs as job on job.job_id = wanted.id
     where job.workspace_id = kronos.current_workspace_id();
    if v_found < cardinality(p_job_ids) then
        raise sqlstate 'KR010' using
            message = format('%s of %s jobs could not be made: what they name was changed at the same time',
                             cardinality(p_job_ids) - v_found, cardinality(p_job_ids));
    end if;
    return v_found;
end
$$;
