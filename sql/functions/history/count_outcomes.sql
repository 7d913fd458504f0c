-- count_outcomes: the executions of a job of the last 24 hours, counted in ticks, by status. A tick's id begins with the tick, and nothing that
-- is scheduled within the window has an older id but a DELAYED job's, which is of the job's creation: so the ids' bounds name the partitions.
-- Called by: queries/jobs.sql (get_job_statistics).   Returns: a row a status.   As the caller: row level security holds.
create or replace function kronos.count_outcomes(p_job_id uuid) returns table (status text, ticks bigint, last_scheduled_at timestamptz)
language plpgsql stable rows 10 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_from uuid;
    v_to   uuid;
begin
    select kronos.uuid7_floor(case when job.trigger = 'CRON' then now() - interval '25 hours' else kronos.finite(job.created_at) - interval '1 minute' end),
           case when job.trigger = 'CRON' then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else kronos.uuid7_floor(kronos.finite(job.created_at) + interval '1 hour') end
      into v_from, v_to
      from kronos.jobs as job
     where job.job_id = p_job_id
       and job.workspace_id = kronos.current_workspace_id();
    return query
        select execution.status, sum(execution.tick_count), max(execution.scheduled_at)
          from kronos.executions as execution
         where execution.job_id = p_job_id
           and execution.execution_id >= v_from and execution.execution_id < v_to
           and execution.scheduled_at > now() - interval '24 hours'
         group by execution.status;
end
$$;
