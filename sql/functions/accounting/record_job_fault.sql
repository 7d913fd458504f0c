-- record_job_fault: writes down why jobs' ticks could not be accounted for, as long as their pointers stand
-- where they stand. So recorded, a job is left alone by other jobs' rings for 50 s (has_just_failed), and is
-- then tried alone. What may pass (is_passing) is no job's fault: it is warned of.
create or replace function kronos.record_job_fault(p_job_ids uuid[], p_sqlstate text, p_message text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    raise warning 'kronos: the ticks of % jobs cannot be accounted for, of % among them: % (%)',
        cardinality(p_job_ids), p_job_ids[1], p_message, p_sqlstate;
    if kronos.is_passing(p_sqlstate) then
        return;
    end if;
    insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message, failed_at)
    select job.job_id, job.workspace_id, pointer.next_tick_at, p_sqlstate, p_message, kronos.clock()
      from kronos.jobs as job
      left join lateral kronos.pointer_of(job.job_id) as pointer on true
     where job.job_id = any (p_job_ids)
        on conflict (job_id) do update
       set next_tick_at = excluded.next_tick_at, sqlstate = excluded.sqlstate, message = excluded.message,
           failed_at = excluded.failed_at;
end
$$;
