-- resume_jobs_in_time: end pauses whose resume_at has come. The ticks of the pause are recorded as skipped,
-- those from resume_at on run, and the entry is registered; each job completely or not at all. In a suspended
-- workspace the job becomes ACTIVE without an entry.
-- Works in batches of a hundred jobs, or 10,000 ticks that may be delivered, until p_until and at least once;
-- the run of the next minute continues.
-- Lock order: the workspace, the jobs' rows, cron.job. Does not wait: a session that holds a job changes it,
-- and ends its pause itself (settle_ticks).
-- Returns: how many were resumed, how many were held by another session, and what failed: job_id, type and
-- message.
create or replace function kronos.resume_jobs_in_time(p_now timestamptz,
                                                      p_until timestamptz default 'infinity',
                                                      out resumed integer, out busy integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 100;
    v_job_ids constant uuid[] := kronos.rotated(array(select job.job_id
                                                        from kronos.jobs as job
                                                       where job.status = 'PAUSED'
                                                         and job.resume_at <= p_now
                                                       order by job.resume_at, job.job_id
                                                       limit 50000));
    v_batch     uuid[];
    v_at        integer := 1;
    v_part      record;
    v_delivered integer := 0;
begin
    resumed := 0;
    busy := 0;
    errors := '[]';
    while v_at <= cardinality(v_job_ids) loop
        v_batch := kronos.few_ticks(v_job_ids[v_at : v_at + c_at_once - 1], p_now);
        v_at := v_at + cardinality(v_batch);
        select * into v_part from kronos.resume_each(v_batch, p_now);
        resumed := resumed + v_part.resumed;
        busy := busy + v_part.busy;
        errors := errors || v_part.errors;
        v_delivered := v_delivered + v_part.delivered;
        exit when kronos.clock() >= p_until;
    end loop;
    if v_delivered > 0 then
        perform pg_notify('kronos_work', '');
    end if;
end
$$;
