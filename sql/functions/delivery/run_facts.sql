-- run_facts: facts about executions being delivered that templates may name and a claim does not carry: their
-- causes, their jobs' names, and their ticks in the jobs' time zones. A one-shot that is its execution has no
-- name, and uses UTC.
create or replace function kronos.run_facts(p_execution_ids uuid[])
returns table (execution_id uuid, cause text, job_name text, scheduled_local text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select live.execution_id, live.cause, job.name,
           kronos.local_text(kronos.finite(live.scheduled_at), coalesce(job.timezone, 'UTC'))
      from unnest(p_execution_ids) as wanted (execution_id)
      join kronos.execution_live as live on kronos.looked_up(live.execution_id, wanted.execution_id)
      left join kronos.jobs as job on job.job_id = live.job_id
$$;
