-- alarm_of: reads the pg_cron schedule with which the job must be registered. It is all that kronos_cron can
-- learn about a job.
-- Locks the job's workspace, shared, until the transaction ends, so that it can be neither suspended nor
-- resumed. The job is almost always in the transaction's workspace, so that one is locked before the read. If
-- the row names another workspace, it locks that one and reads again, because that workspace may have been
-- suspended in between.
-- Returns: null unless the job is an ACTIVE CRON job of an ACTIVE workspace.
-- Volatile: it must see the row that the calling statement has just written. plpgsql, not sql: it keeps its
-- plan. enable_seqscan is off because a plan made for few jobs is kept while thousands are added (1,000 jobs:
-- 0.07 ms per read).
create or replace function kronos.alarm_of(p_job_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_locked uuid := kronos.current_workspace_id();
    v_found  uuid;
    v_alarm  text;
begin
    -- An expression: it costs no statement.
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
