-- cancel_further: cancel_some for a cancelled job of the transaction's workspace, whichever version p_job_id
-- is. The request that cancelled the job calls it repeatedly, each time in a separate transaction.
-- Returns: the number of executions processed, and whether none are left.
create or replace function kronos.cancel_further(p_job_id uuid, out done integer, out is_over boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id uuid;
begin
    done := 0;
    for v_job_id in
        select version.job_id
          from kronos.cancelled_jobs as version
          join kronos.jobs as job on job.first_version_id = version.first_version_id
         where job.job_id = p_job_id
           and job.workspace_id = kronos.current_workspace_id()
    loop
        done := kronos.cancel_some(v_job_id);
        exit when done > 0;
    end loop;
    is_over := not exists (select
                             from kronos.cancelled_jobs as version
                             join kronos.jobs as job on job.first_version_id = version.first_version_id
                            where job.job_id = p_job_id
                              and job.workspace_id = kronos.current_workspace_id());
end
$$;
