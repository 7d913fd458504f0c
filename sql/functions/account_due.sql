-- account_due: accounts for up to 1,000 other jobs that are due, most overdue first, passing over those that somebody else has locked.
-- A job whose row breaks the batch costs the batch, not the caller: each job's own alarm still accounts for it alone (the warning names the error).
-- Called by: fire, ring_if_silent.   Returns: how many executions were made for delivery.
create or replace function kronos.account_due(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_ids uuid[];
begin
    select array_agg(due.job_id order by due.job_id) into v_job_ids
      from (select job.job_id
              from kronos.jobs as job
              join kronos.endpoints as endpoint using (endpoint_id)
              join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
             where job.status = 'ACTIVE'
               and job.next_tick_at <= p_now
               and endpoint.type <> 'INTERNAL'
               and workspace.status = 'ACTIVE'
             order by job.next_tick_at
             limit 1000
               for update of job skip locked) as due;
    if v_job_ids is null then
        return 0;
    end if;
    return kronos.account_ticks(v_job_ids, p_now);
exception when others then
    raise warning 'kronos.account_due: % due jobs left to their own alarms: % (%)', cardinality(v_job_ids), sqlerrm, sqlstate;
    return 0;
end
$$;
