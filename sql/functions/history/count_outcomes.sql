-- count_outcomes: the executions of the given versions of a job in the last 24 hours, counted in ticks, by
-- status. A tick's id begins with the tick, and nothing scheduled within the window has an older id except a
-- DELAYED job's, which dates from the job's creation. So bounds on the ids select the partitions. A version
-- replaced before the window has no executions in it.
-- Returns: one row per status. Runs as the caller: row level security applies.
create or replace function kronos.count_outcomes(p_job_ids uuid[])
returns table (status text, ticks bigint, last_scheduled_at timestamptz)
language plpgsql stable rows 10 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_versions uuid[];
    v_from     uuid;
    v_to       uuid;
begin
    select array_agg(job.job_id),
           kronos.uuid7_floor(min(case when job.trigger = 'CRON' then kronos.now() - interval '25 hours'
                                       else kronos.finite(job.created_at) - interval '1 minute' end)),
           case when bool_or(job.trigger = 'CRON') then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                else kronos.uuid7_floor(max(kronos.finite(job.created_at)) + interval '1 hour')
           end
      into v_versions, v_from, v_to
      from (select * from kronos.jobs where job_id = any (p_job_ids)
             union all
            select * from kronos.one_shot_rows(p_job_ids)) as job
     where job.workspace_id = kronos.current_workspace_id()
       and (job.retired_at is null
            or job.trigger <> 'CRON'
            or job.retired_at > kronos.now() - interval '25 hours'
            or cardinality(p_job_ids) = 1);
    return query
        select run.status, sum(run.tick_count), max(run.scheduled_at)
          from (select execution.status, execution.tick_count, execution.scheduled_at
                  from kronos.executions as execution
                 where execution.job_id = any (v_versions)
                   and execution.job_id <> execution.execution_id
                   and execution.execution_id >= v_from and execution.execution_id < v_to
                 union all
                select execution.status, execution.tick_count, execution.scheduled_at
                  from kronos.executions as execution
                 where execution.execution_id = any (v_versions)
                   and execution.job_id = execution.execution_id
                   and execution.execution_id >= v_from and execution.execution_id < v_to) as run
         where run.scheduled_at > kronos.now() - interval '24 hours'
         group by run.status;
end
$$;
