-- account_own: account for the job that a pg_cron entry rings for, if its tick is still due after the firing
-- accounted for all jobs. That happens when a thousand jobs came before it, or when it has just failed. Wakes
-- the workers. The caller holds the lock on the job's row.
-- Returns: how many executions were created for delivery.
create or replace function kronos.account_own(p_job_id uuid, p_now timestamptz) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_delivered integer := 0;
begin
    if exists (select from kronos.jobs as job
                 join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
                cross join lateral kronos.pointer_of(job.job_id) as pointer
                where job.job_id = p_job_id
                  and job.status = 'ACTIVE'
                  and workspace.status = 'ACTIVE'
                  and not kronos.is_turning(pointer)
                  and pointer.next_tick_at between p_now - kronos.grace() and p_now) then
        v_delivered := kronos.account_each(array[p_job_id], p_now);
        if v_delivered > 0 then
            perform pg_notify('kronos_work', '');
        end if;
    end if;
    return v_delivered;
end
$$;
