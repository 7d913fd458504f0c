-- resume_jobs_in_time: ends up to 1,000 pauses whose resume_at has come, longest overdue first: the ticks of the pause are recorded as skipped, those from
-- resume_at on run, and the entry is registered; each job for itself, whole or not at all. In a suspended workspace the job is ACTIVE without an entry.
-- Lock order: the workspace, the job's row, cron.job; waits for nobody: who holds a job changes it, and its pause ends there (settle_ticks).
-- Called by: reap.   Returns: how many were resumed, how many were held by somebody, and what failed: job_id, type and message.
create or replace function kronos.resume_jobs_in_time(p_now timestamptz, out resumed integer, out busy integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job       record;
    v_due       uuid[] := '{}';
    v_delivered integer;
begin
    resumed := 0;
    busy := 0;
    errors := '[]';
    for v_job in
        select job.job_id, job.workspace_id
          from kronos.jobs as job
         where job.status = 'PAUSED'
           and job.resume_at <= p_now
         order by job.resume_at, job.job_id
         limit 1000
    loop
        begin
            if not pg_try_advisory_xact_lock_shared(kronos.workspace_lock(v_job.workspace_id)) then
                busy := busy + 1;
                continue;
            end if;
            perform from kronos.jobs where job_id = v_job.job_id and status = 'PAUSED' and resume_at <= p_now for update skip locked;
            if not found then
                busy := busy + 1;
                continue;
            end if;
            perform kronos.end_pause(v_job.job_id);
            if kronos.alarm_of(v_job.job_id) is not null then
                perform kronos.register_pg_cron(v_job.job_id);
                v_due := v_due || v_job.job_id;
            end if;
            resumed := resumed + 1;
        exception when others then
            errors := errors || jsonb_build_object('job_id', v_job.job_id, 'type', sqlstate, 'message', sqlerrm);
        end;
    end loop;
    if v_due <> '{}' then
        v_delivered := kronos.account_each(v_due, p_now);
        if v_delivered > 0 then
            perform pg_notify('kronos_work', '');
        end if;
    end if;
end
$$;
