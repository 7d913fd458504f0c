-- record_job_fault: records why the ticks of jobs could not be accounted for; the record holds as long as
-- their pointers do not move. With it, rings for other jobs leave such a job alone for 50 s
-- (has_just_failed); then it is tried separately. A condition that may pass (is_passing) is not the job's
-- fault: it is only logged as a warning.
create or replace function kronos.record_job_fault(p_job_ids uuid[], p_sqlstate text, p_message text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    raise warning 'kronos: the ticks of %, including %, cannot be accounted for: % (%)',
        kronos.counted(cardinality(p_job_ids), 'job'), p_job_ids[1], p_message, p_sqlstate;
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
