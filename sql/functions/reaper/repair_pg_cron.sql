-- repair_pg_cron: looks again at one suspected difference, with the job's row locked, and puts the entry right.
-- Called by: reap.   Returns: what was done (unscheduled, registered, corrected), busy when a request holds the job or its workspace is being suspended
-- or resumed, null when all was well.
-- Raises: pg_cron's errors, unchanged. Lock order: the workspace, the job's row, then cron.job, like every operation on a job; of the first two no wait.
create or replace function kronos.repair_pg_cron(p_job_id uuid, p_jobid bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_alarm text;
    v_entry record;
begin
    if exists (select from kronos.jobs where job_id = p_job_id) then
        if not (select pg_try_advisory_xact_lock_shared(kronos.workspace_lock(job.workspace_id)) from kronos.jobs as job where job.job_id = p_job_id) then
            return 'busy';
        end if;
        select case when job.status = 'ACTIVE' and job.trigger = 'CRON' and workspace.status = 'ACTIVE' then job.alarm end into v_alarm
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where job.job_id = p_job_id
           for update of job skip locked;
        if not found then
            return 'busy';
        end if;
    end if;
    select * into v_entry from kronos.pg_cron_entries() as entry where entry.jobid = p_jobid;
    if v_entry.jobid is null then
        if v_alarm is null
           or exists (select from kronos.pg_cron_entries() as entry
                       where entry.jobname = 'kronos:' || p_job_id and entry.username = 'kronos_cron') then
            return null;
        end if;
        perform kronos.register_pg_cron(p_job_id);
        return 'registered';
    end if;
    if v_alarm is null or v_entry.username <> 'kronos_cron' then
        perform kronos.drop_pg_cron_entry(p_jobid);
        return 'unscheduled';
    end if;
    if kronos.is_right_entry(p_job_id, v_alarm, v_entry.schedule, v_entry.command, v_entry.database, v_entry.nodename, v_entry.nodeport, v_entry.active) then
        return null;
    end if;
    perform kronos.drop_pg_cron_entry(p_jobid);
    perform kronos.register_pg_cron(p_job_id);
    return 'corrected';
end
$$;
