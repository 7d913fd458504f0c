-- unregister_jobs: removes the entries of many jobs at once, found by name and removed by id; those that have
-- none are no error. The caller knows that no entry of theirs must be, and holds their rows.
-- Returns: how many were there.   Raises: pg_cron's errors, unchanged.
create or replace function kronos.unregister_jobs(p_job_ids uuid[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
    v_jobids bigint[];
begin
    -- The name is made apart: of a condition that calls a function, row level security on cron.job lets no
    -- index be asked.
    with job as materialized (
        select 'kronos:' || each.job_id as jobname from unnest(p_job_ids) as each (job_id)
    )
    select coalesce(array_agg(entry.jobid), '{}') into v_jobids
      from job
      join cron.job as entry on entry.jobname = job.jobname and entry.username = current_user;
    perform cron.unschedule(jobid) from unnest(v_jobids) as jobid;
    return cardinality(v_jobids);
end
$$;
