-- read_executions: the given executions, as in kronos.executions; finished ones come from the partitions that
-- their ids name (done_among). tests/sql/test_execution_rows.py keeps both equal.
-- Returns: in no order. Runs as the caller: row level security applies.
-- plpgsql, not sql: it keeps its plan, which contains no partition.
create or replace function kronos.read_executions(p_execution_ids uuid[])
returns table (execution_id uuid, workspace_id uuid, job_id uuid, workspace text, endpoint text,
               endpoint_type text, cause text, status text, status_reason jsonb, scheduled_at timestamptz,
               run_at timestamptz, started_at timestamptz, completed_at timestamptz, duration_ms bigint,
               attempt_count smallint, max_attempts smallint, tick_count integer, input jsonb, output jsonb,
               error jsonb, worker_id text, created_at timestamptz, job_name text, created_by jsonb)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
begin
    return query
        select live.execution_id, live.workspace_id, live.job_id, live.workspace, live.endpoint,
               live.endpoint_type, live.cause, live.status, live.status_reason, live.scheduled_at,
               live.run_at, live.started_at, live.completed_at, live.duration_ms, live.attempt_count,
               live.max_attempts, live.tick_count, live.input, live.output, live.error, live.worker_id,
               live.created_at, live.job_name, live.created_by
          from kronos.active_executions as live
         where live.execution_id = any (p_execution_ids);
    return query
        select done.execution_id, done.workspace_id, done.job_id, workspace.slug, endpoint.name,
               endpoint.type, done.cause, done.status, done.status_reason, done.scheduled_at, done.run_at,
               done.started_at, done.completed_at,
               kronos.duration_ms(done.started_at, done.completed_at), done.attempt_count, done.max_attempts,
               done.tick_count, done.input, done.output, done.error, done.worker_id, done.created_at,
               job.name, kronos.creator_shown(done.created_by)
          from kronos.done_among(p_execution_ids) as done
          join kronos.endpoints as endpoint on endpoint.endpoint_id = done.endpoint_id
          join kronos.workspaces as workspace on workspace.workspace_id = done.workspace_id
          left join kronos.jobs as job on job.job_id = done.job_id;
end
$$;
