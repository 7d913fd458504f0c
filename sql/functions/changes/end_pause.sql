-- end_pause: ends a pause that was to end by itself: its ticks, those before resume_at, are recorded as
-- skipped, and the job becomes ACTIVE. A tick at resume_at or later is due; the caller accounts for it, and
-- registers the entry if the workspace is ACTIVE. The caller holds the row's lock.
create or replace function kronos.end_pause(p_job_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.skip_ticks(job_id, job.resume_at - interval '1 microsecond', kronos.why_halted(job))
       from kronos.jobs as job
      where job.job_id = p_job_id
        and job.status = 'PAUSED';
    update kronos.jobs
       set status = 'ACTIVE', status_reason = null, resume_at = null
     where job_id = p_job_id
       and status = 'PAUSED'
       and resume_at is not null;
end
$$;
