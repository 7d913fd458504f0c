-- retire_spent: retires jobs that have reached max_runs, and removes their entries. The caller holds their
-- rows' locks.
create or replace function kronos.retire_spent(p_job_ids uuid[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    update kronos.jobs as job
       set status = 'RETIRED', ticks_until = pointer.last_run_at,
           status_reason = jsonb_build_object('code', 'max_runs_reached',
                                              'detail', format('max_runs of %s reached', job.max_runs))
      from kronos.pointers as pointer
     where job.job_id = any (p_job_ids)
       and pointer.job_id = job.job_id;
    perform kronos.silence(p_job_ids);
end
$$;
