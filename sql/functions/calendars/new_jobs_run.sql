-- new_jobs_run: when a job with calendars that the calling statement has just written first runs. Volatile:
-- it must see that row.
-- Returns: null if it never runs, or the job existed before (p_tick is null).
create or replace function kronos.new_jobs_run(p_job_id uuid, p_tick timestamptz) returns timestamptz
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return (select kronos.first_run(job.workspace_id, job.calendars, job.on_blackout, job.schedule,
                                    job.starts_at, job.ends_at, p_tick, kronos.now(), 0)
              from kronos.jobs as job
             where job.job_id = p_job_id);
end
$$;
