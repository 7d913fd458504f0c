-- end_together: end_jobs for a batch of jobs, all or none (end_each). A job that another session holds is
-- left for the next run, and so is one whose ticks cannot be accounted for at this moment, or are too many
-- for one run (account_upto).
-- Lock order: the jobs' rows, then as account_each. Waits for no row.
-- Returns: how many were retired.
create or replace function kronos.end_together(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_job     record;
    v_live    uuid[] := '{}'::uuid[];
    v_retired uuid[] := '{}'::uuid[];
    v_late    uuid[] := '{}'::uuid[];
    v_left    uuid[];
begin
    for v_job in
        select job.job_id, kronos.why_halted(job) as why_halted,
               job.status = 'PAUSED' and job.resume_at <= p_now as pause_is_over
          from kronos.jobs as job
         where job.job_id = any (p_job_ids)
           and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED') and job.ends_at <= p_now
         order by job.job_id
           for update skip locked
    loop
        v_retired := v_retired || v_job.job_id;
        begin
            perform kronos.follow_moves(array[v_job.job_id]);
            if v_job.pause_is_over then
                perform kronos.end_pause(v_job.job_id);
                select kronos.why_halted(job) into v_job.why_halted
                  from kronos.jobs as job
                 where job.job_id = v_job.job_id;
            end if;
            v_left := kronos.follow_turns(array[v_job.job_id]);
            v_late := v_late || v_left;
            if v_left <> '{}' then
                null;
            elsif v_job.why_halted is null then
                v_live := v_live || v_job.job_id;
            else
                perform kronos.skip_ticks(v_job.job_id, p_now, v_job.why_halted);
            end if;
        exception when others then
            raise warning 'kronos: the last ticks of job % cannot be accounted for: % (%)', v_job.job_id,
                sqlerrm, sqlstate;
            if kronos.is_passing(sqlstate) then
                v_late := v_late || v_job.job_id;
            end if;
        end;
    end loop;
    select account.left_job_ids into v_left from kronos.account_upto(v_live, p_now) as account;
    v_retired := array(select unnest(v_retired) except select unnest(v_late || v_left));
    update kronos.jobs
       set status = 'RETIRED', ticks_until = p_now, status_reason = jsonb_build_object(
           'code', 'ended', 'detail', format('ends_at %s has passed', kronos.iso(ends_at))
       )
     where job_id = any (v_retired)
       and status in ('ACTIVE', 'PAUSED');
    return cardinality(v_retired);
end
$$;
