-- hold_jobs: lock those of the jobs that no other session holds, and the status of their workspaces, until
-- the transaction ends. Does not wait. p_spares: except jobs that are due soon.
-- Lock order: the workspace, the jobs' rows, like every operation on a job.
-- Returns: the locked jobs, with the alarm by which they must be rung: null unless it is an ACTIVE CRON job
-- of an ACTIVE workspace.
create or replace function kronos.hold_jobs(p_job_ids uuid[], p_spares boolean)
returns table (job_id uuid, alarm text)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_ids uuid[] := array(select workspace_id
                                      from (select distinct job.workspace_id
                                              from kronos.jobs as job
                                             where job.job_id = any (p_job_ids)) as of_jobs
                                     where pg_try_advisory_xact_lock_shared(
                                         kronos.workspace_lock(workspace_id)
                                     ));
begin
    return query
        select job.job_id,
               case when job.status = 'ACTIVE' and job.trigger = 'CRON' and workspace.status = 'ACTIVE'
                    then job.alarm end
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
          left join lateral kronos.pointer_of(job.job_id) as pointer on p_spares
         where job.job_id = any (p_job_ids)
           and job.workspace_id = any (v_workspace_ids)
           and not (p_spares and kronos.is_due_soon(job.status, pointer.next_tick_at))
         order by job.job_id
           for update of job skip locked;
end
$$;
