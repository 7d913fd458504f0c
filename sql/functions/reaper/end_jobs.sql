-- end_jobs: retire CRON jobs whose ends_at has come, after their last ticks are accounted for: as executions,
-- or as skipped if the job or its workspace was halted. If a pause ran out before that, its ticks are
-- skipped, and those after it run. A job whose ticks cannot be accounted for because its row is malformed is
-- retired all the same.
-- Works in batches of a hundred jobs, or 10,000 ticks that may be delivered, until p_until and at least once;
-- the run of the next minute continues. The reaper removes their entries afterwards.
-- Returns: how many were retired.
create or replace function kronos.end_jobs(p_now timestamptz, p_until timestamptz default 'infinity')
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 100;
    v_job_ids constant uuid[] := kronos.rotated(array(select job.job_id
                                                        from kronos.jobs as job
                                                       where job.trigger = 'CRON'
                                                         and job.status in ('ACTIVE', 'PAUSED')
                                                         and job.ends_at <= p_now
                                                       order by job.ends_at, job.job_id
                                                       limit 50000));
    v_batch   uuid[];
    v_at      integer := 1;
    v_ended   integer := 0;
begin
    while v_at <= cardinality(v_job_ids) loop
        v_batch := kronos.few_ticks(v_job_ids[v_at : v_at + c_at_once - 1], p_now);
        v_ended := v_ended + kronos.end_each(v_batch, p_now);
        v_at := v_at + cardinality(v_batch);
        exit when kronos.clock() >= p_until;
    end loop;
    return v_ended;
end
$$;
