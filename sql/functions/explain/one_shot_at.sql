-- one_shot_at: when an IMMEDIATE or DELAYED job was to run: its execution's time.
-- Called by: queries/explain.sql.   Returns: null for a CRON job. Row level security confines it.
create or replace function kronos.one_shot_at(p_job kronos.jobs) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select execution.scheduled_at
      from kronos.executions as execution
     where p_job.trigger <> 'CRON'
       and execution.job_id = p_job.job_id
       and execution.cause = 'API'
     order by execution.scheduled_at
     limit 1
$$;
