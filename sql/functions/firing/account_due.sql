-- account_due: accounts for other jobs that are due, most overdue first, passing over those that somebody else has locked: up to 1,000 of the last
-- ten minutes, and 50 of before. A job overdue for a week has 10,000 ticks, 0.1 s; a thousand of them would not end within a firing's 30 s, and
-- what a firing does not end is undone.
-- Called by: fire, ring_if_silent.   Returns: how many executions were made for delivery.
create or replace function kronos.account_due(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_recent  constant timestamptz := p_now - interval '10 minutes';
    v_job_ids uuid[];
    v_overdue uuid[];
begin
    select array_agg(due.job_id) into v_job_ids
      from (select job.job_id
              from kronos.jobs as job
              join kronos.endpoints as endpoint using (endpoint_id)
              join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
             where job.status = 'ACTIVE'
               and job.next_tick_at <= p_now
               and job.next_tick_at > v_recent
               and endpoint.type <> 'INTERNAL'
               and workspace.status = 'ACTIVE'
             order by job.next_tick_at
             limit 1000
               for update of job skip locked) as due;
    select array_agg(due.job_id) into v_overdue
      from (select job.job_id
              from kronos.jobs as job
              join kronos.endpoints as endpoint using (endpoint_id)
              join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
             where job.status = 'ACTIVE'
               and job.next_tick_at <= v_recent
               and endpoint.type <> 'INTERNAL'
               and workspace.status = 'ACTIVE'
             order by job.next_tick_at
             limit 50
               for update of job skip locked) as due;
    v_job_ids := v_overdue || v_job_ids;
    if v_job_ids is null then
        return 0;
    end if;
    return kronos.account_each(v_job_ids, p_now);
end
$$;
