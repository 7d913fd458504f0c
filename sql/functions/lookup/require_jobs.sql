-- require_jobs: checks that all of these jobs exist, as the last statement of a transaction that creates all
-- or none. Runs as the caller: row level security applies.
-- Returns: how many.
-- Raises: KR010 if one does not: its endpoint was deleted, or its key or name was taken, after the check.
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
            message = format('%s of %s could not be created: their endpoint, key or name has changed',
                             cardinality(p_job_ids) - v_found,
                             kronos.counted(cardinality(p_job_ids), 'job'));
    end if;
    return v_found;
end
$$;
