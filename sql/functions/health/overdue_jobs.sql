-- overdue_jobs: the live CRON jobs of the transaction's workspace that have been due for so long that
-- catch-up should have accounted for them (system_status), most overdue first, with the reason. Examines the
-- first 10,000 such jobs of all workspaces.
-- Returns: fault: why the job's ticks cannot be accounted for; null: nothing has rung.
create or replace function kronos.overdue_jobs(p_limit integer)
returns table (job_id uuid, job_name text, since timestamptz, fault text)
language plpgsql stable rows 10 security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    -- Read once: an index cannot be used with a bound that changes during the scan.
    v_before constant timestamptz := kronos.clock() - kronos.grace() - interval '60 seconds';
    v_from   constant timestamptz := (select floor.lowest_at from kronos.pointers_floor as floor);
begin
    return query
        select job.job_id, job.name, kronos.finite(due.next_tick_at), kronos.job_fault(job) ->> 'message'
          from (select pointer.job_id, pointer.workspace_id, pointer.next_tick_at
                  from kronos.pointers as pointer
                 where pointer.is_awaited
                   and pointer.next_tick_at >= v_from and pointer.next_tick_at < v_before
                 order by pointer.next_tick_at
                 limit 10000) as due
          join kronos.jobs as job on job.job_id = due.job_id
         where due.workspace_id = kronos.current_workspace_id()
         order by due.next_tick_at
         limit p_limit;
end
$$;
