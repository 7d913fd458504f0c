-- end_jobs: retires up to 1,000 CRON jobs whose ends_at has come, after their last ticks are accounted for: as executions, or as skipped where
-- the job or its workspace was halted; of a pause that ran out before, each its own. A row that cannot be accounted for is retired all the same.
-- Called by: reap, which then removes their entries.   Returns: how many were retired.
create or replace function kronos.end_jobs(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job     record;
    v_live    uuid[] := '{}';
    v_retired uuid[] := '{}';
begin
    for v_job in
        select job.job_id, kronos.why_halted(job) as why_halted, job.status = 'PAUSED' and job.resume_at <= p_now as pause_is_over
          from kronos.jobs as job
         where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED') and job.ends_at <= p_now
         order by job.ends_at
         limit 1000
           for update skip locked
    loop
        v_retired := v_retired || v_job.job_id;
        begin
            if v_job.pause_is_over then
                perform kronos.end_pause(v_job.job_id);
                select kronos.why_halted(job) into v_job.why_halted from kronos.jobs as job where job.job_id = v_job.job_id;
            end if;
            if v_job.why_halted is null then
                v_live := v_live || v_job.job_id;
            else
                perform kronos.skip_ticks(v_job.job_id, p_now, v_job.why_halted);
            end if;
        exception when others then
            raise warning 'kronos: the last ticks of job % cannot be accounted for: % (%)', v_job.job_id, sqlerrm, sqlstate;
        end;
    end loop;
    perform kronos.account_each(v_live, p_now);
    update kronos.jobs
       set status = 'RETIRED', ticks_until = p_now, status_reason = jsonb_build_object('code', 'ended', 'detail', format('ends_at %s has passed', kronos.iso(ends_at)))
     where job_id = any (v_retired)
       and status in ('ACTIVE', 'PAUSED');
    return cardinality(v_retired);
end
$$;
