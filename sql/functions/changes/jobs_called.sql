-- jobs_called: the jobs that a job's live version runs when its runs end, each once.
-- Returns: their first versions.
create or replace function kronos.jobs_called(p_first_version_id uuid) returns table (first_version_id uuid)
language sql stable rows 2 set search_path = pg_catalog, pg_temp
as $$
    select distinct called.first_version_id
      from kronos.jobs as job
      join kronos.job_callbacks as called using (job_id)
     where job.first_version_id = p_first_version_id
       and job.status in ('ACTIVE', 'PAUSED')
       and called.first_version_id is not null
$$;
