-- alarm_of: locks the job's workspace, shared, until the transaction ends, so that nobody suspends or resumes
-- it; and reads the pg_cron schedule that the job must be registered with, which is all that kronos_cron can
-- learn of a job. The workspace that the transaction works for is almost always the job's, so its lock is
-- taken before the look; if the row says another, that one's, and it looks again, as it was before another
-- session suspended it perhaps.
-- Returns: null unless the job is an ACTIVE CRON job of an ACTIVE workspace.
-- Volatile: it must see the row that the calling statement has just written.
-- plpgsql, not sql: it keeps its plan. By the key from the first job on: a plan that was made while there
-- were few is kept while thousands come (1,000 jobs: 0.07 ms a look).
create or replace function kronos.alarm_of(p_job_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_locked uuid := kronos.current_workspace_id();
    v_found  uuid;
    v_alarm  text;
begin
    -- an expression, which costs no statement
    while v_locked is null or pg_advisory_xact_lock_shared(kronos.workspace_lock(v_locked)) is not null loop
        select job.workspace_id,
               case when job.status = 'ACTIVE' and job.trigger = 'CRON' and workspace.status = 'ACTIVE'
                    then job.alarm end
          into v_found, v_alarm
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where job.job_id = p_job_id;
        exit when v_found is null or v_found = v_locked;
        v_locked := v_found;
    end loop;
    return v_alarm;
end
$$;
