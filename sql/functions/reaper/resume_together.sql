-- resume_together: resume_jobs_in_time for a batch of jobs, all or none (resume_each).
-- Lock order: the workspace, the jobs' rows, cron.job. Does not wait.
-- Returns: how many were resumed, how many other sessions hold, and how many due executions were created.
-- Raises: 55P03 if the ticks that are due cannot be accounted for at this moment.
create or replace function kronos.resume_together(p_job_ids uuid[], p_now timestamptz, out resumed integer,
                                                  out busy integer, out delivered integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_held   uuid[];
    v_due    uuid[];
    v_alarms text[];
begin
    select coalesce(array_agg(held.job_id), '{}') into v_held
      from kronos.hold_jobs(p_job_ids, false) as held
      join kronos.jobs as job using (job_id)
     where job.status = 'PAUSED' and job.resume_at <= p_now;
    busy := cardinality(p_job_ids) - cardinality(v_held);
    perform kronos.follow_moves(v_held);
    perform kronos.skip_each(v_held, p_now, null);
    update kronos.jobs
       set status = 'ACTIVE', status_reason = null, resume_at = null
     where job_id = any (v_held) and status = 'PAUSED';
    if kronos.follow_turns(v_held) <> '{}' then
        raise exception 'the ticks that are due cannot be accounted for at this moment'
            using errcode = 'lock_not_available';
    end if;
    select coalesce(array_agg(job.job_id), '{}'), coalesce(array_agg(job.alarm), '{}') into v_due,
           v_alarms
      from kronos.jobs as job
      join kronos.workspaces as workspace using (workspace_id)
     where job.job_id = any (v_held) and workspace.status = 'ACTIVE';
    perform kronos.register_jobs(v_due, v_alarms);
    delivered := case when v_due = '{}' then 0 else kronos.account_each(v_due, p_now) end;
    resumed := cardinality(v_held);
end
$$;
