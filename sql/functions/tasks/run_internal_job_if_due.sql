-- run_internal_job_if_due: run one internal job in place of a silent pg_cron, after the ring and in a
-- separate transaction, so that a task that fails or hangs affects neither ticks nor other tasks.
-- Returns: whether it ran. It does not run if it is no longer due, or if another session is running it.
create or replace function kronos.run_internal_job_if_due(p_job_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform
       from kronos.jobs as job
       join kronos.endpoints as endpoint using (endpoint_id)
      cross join lateral kronos.pointer_of(job.job_id) as pointer
      where job.job_id = p_job_id
        and endpoint.type = 'INTERNAL'
        and job.status = 'ACTIVE'
        and pointer.next_tick_at <= kronos.clock()
        for update of job skip locked;
    if not found then
        return false;
    end if;
    perform kronos.run_internal_job(p_job_id, kronos.clock());
    return true;
end
$$;
