-- account_due: accounts for up to 1,000 jobs whose ticks are due and on time, passing over those that somebody else has locked.
-- What is overdue by more than the grace is catch_up's.
-- Called by: account_all.   Returns: how many executions were made for delivery.
create or replace function kronos.account_due(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_ids uuid[];
begin
    select array_agg(due.job_id) into v_job_ids
      from (select job.job_id
              from kronos.jobs as job
              join kronos.endpoints as endpoint using (endpoint_id)
              join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
             where job.status = 'ACTIVE'
               and not job.is_halted
               and not kronos.has_just_failed(job, p_now)
               and job.next_tick_at <= p_now
               and job.next_tick_at >= p_now - kronos.grace()
               and endpoint.type <> 'INTERNAL'
               and workspace.status = 'ACTIVE'
             order by job.next_tick_at
             limit 1000
               for update of job skip locked) as due;
    if v_job_ids is null then
        return 0;
    end if;
    return kronos.account_each(v_job_ids, p_now);
end
$$;
