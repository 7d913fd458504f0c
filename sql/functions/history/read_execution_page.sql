-- read_execution_page: the first of the given executions, in their order: at most p_limit, and at most
-- p_bytes of documents, but at least one. Documents are measured row by row as text, and none after the first
-- that is too much: a page of 200 inputs of 250 kB reads four of them. Their stored size cannot be used: 2 kB
-- can be 60 kB as text (1e300), or be compressed a hundredfold.
-- Runs as the caller: row level security applies.
create or replace function kronos.read_execution_page(p_execution_ids uuid[], p_limit integer,
                                                      p_bytes integer)
returns table (execution_id uuid, workspace_id uuid, job_id uuid, workspace text, endpoint text,
               endpoint_type text, cause text, status text, status_reason jsonb, scheduled_at timestamptz,
               run_at timestamptz, started_at timestamptz, completed_at timestamptz, duration_ms bigint,
               attempt_count smallint, max_attempts smallint, tick_count integer, input jsonb, output jsonb,
               error jsonb, worker_id text, created_at timestamptz, job_name text, created_by jsonb)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows  integer := 0;
    v_bytes bigint  := 0;
begin
    for execution_id, workspace_id, job_id, workspace, endpoint, endpoint_type, cause, status, status_reason,
        scheduled_at, run_at, started_at, completed_at, duration_ms, attempt_count, max_attempts, tick_count,
        input, output, error, worker_id, created_at, job_name, created_by in
        select execution.execution_id, execution.workspace_id, execution.job_id, execution.workspace,
               execution.endpoint, execution.endpoint_type, execution.cause, execution.status,
               execution.status_reason, execution.scheduled_at, execution.run_at, execution.started_at,
               execution.completed_at, execution.duration_ms, execution.attempt_count, execution.max_attempts,
               execution.tick_count, execution.input, execution.output, execution.error, execution.worker_id,
               execution.created_at, execution.job_name, execution.created_by
          from kronos.read_executions(p_execution_ids[1:p_limit]) as execution
         order by array_position(p_execution_ids, execution.execution_id)
    loop
        v_bytes := v_bytes + coalesce(octet_length(input::text), 0) + coalesce(octet_length(output::text), 0)
                 + coalesce(octet_length(error::text), 0);
        exit when v_bytes > p_bytes and v_rows > 0;
        v_rows := v_rows + 1;
        return next;
    end loop;
end
$$;
