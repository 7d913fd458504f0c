-- read_attempts: the attempts of one execution, as in kronos.attempts, from the one partition that its id
-- names (see finished_among). Runs as the caller: row level security applies.
create or replace function kronos.read_attempts(p_execution_id uuid)
returns table (workspace_id uuid, attempt_number smallint, status text, started_at timestamptz,
               completed_at timestamptz, duration_ms integer, request jsonb, response jsonb, error jsonb,
               worker_id text, endpoint_version integer)
language plpgsql stable rows 5 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        select attempt.workspace_id, attempt.attempt_number, attempt.status, attempt.started_at,
               attempt.completed_at, attempt.duration_ms, attempt.request, attempt.response, attempt.error,
               attempt.worker_id, attempt.endpoint_version
          from kronos.attempts as attempt
         where attempt.execution_id = p_execution_id;
end
$$;
