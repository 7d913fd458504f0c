-- reask_local_one_shots: after a time zone's rules have changed, moves what is to run once at a local time of that zone to the instant at which its
-- clocks show that time now: the job's run_at and its execution's times, up to p_limit a call. One that a worker has begun with stays as it is, and so
-- does one that a request or a worker holds at this moment, for the next call.
-- An instant that has passed meanwhile is due at once. Lock order: executions, then jobs, as when a worker ends one.
-- Called by: refresh_zones.
-- Returns: how many were moved, and whether none is left to move.
create or replace function kronos.reask_local_one_shots(p_timezone text, p_limit integer default 5000, out moved integer, out is_complete boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_left integer;
begin
    with changed as materialized (
        select execution.execution_id, job.job_id, asked.at
          from kronos.jobs as job
          join kronos.execution_live as execution on execution.job_id = job.job_id
         cross join lateral (select kronos.local_instant(job.run_at_local, job.timezone, job.dst_gap) as at offset 0) as asked
         where job.timezone = p_timezone
           and job.run_at_local is not null
           and job.status = 'ACTIVE'
           and asked.at <> job.run_at
           and execution.cause = 'API'
           and execution.claim_token is null
           and execution.attempt_count = 0
           and execution.visible_at = job.run_at
    ), held as materialized (
        select execution.execution_id, changed.job_id, changed.at
          from changed
          join kronos.execution_live as execution using (execution_id)
         where execution.claim_token is null
         order by execution.execution_id
         limit p_limit
           for update of execution skip locked
    ), execution as (
        update kronos.execution_live as execution
           set scheduled_at = held.at, run_at = held.at, visible_at = held.at
          from held
         where execution.execution_id = held.execution_id
        returning execution.job_id
    ), job as (
        update kronos.jobs as job
           set run_at = held.at
          from held
         where job.job_id = held.job_id
           and (select count(*) from execution) >= 0
        returning job.job_id
    )
    select (select count(*) from job), (select count(*) from changed) - (select count(*) from held) into moved, v_left;
    is_complete := v_left = 0;
    if moved > 0 then
        perform pg_notify('kronos_work', '');      -- a worker may be waiting for a later time
    end if;
end
$$;
