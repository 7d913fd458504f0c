-- read_executions: the executions given, as kronos.executions shows them, each from the one partition that
-- its id names (see finished_among).
-- Returns: in no order.   As the caller: row level security holds.
create or replace function kronos.read_executions(p_execution_ids uuid[])
returns table (execution_id uuid, workspace_id uuid, job_id uuid, workspace text, endpoint text, endpoint_type text, cause text, status text,
               status_reason jsonb, scheduled_at timestamptz, run_at timestamptz, started_at timestamptz, completed_at timestamptz, duration_ms bigint,
               attempt_count smallint, max_attempts smallint, tick_count integer, input jsonb, output jsonb, error jsonb, worker_id text,
               created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids uuid[];
begin
    for v_ids in select array_agg(given.id) from unnest(p_execution_ids) as given (id) group by left(given.id::text, 4) loop
        begin
            return query
                select execution.execution_id, execution.workspace_id, execution.job_id, execution.workspace, execution.endpoint,
                       execution.endpoint_type, execution.cause, execution.status, execution.status_reason, execution.scheduled_at, execution.run_at,
                       execution.started_at, execution.completed_at, execution.duration_ms, execution.attempt_count, execution.max_attempts,
                       execution.tick_count, execution.input, execution.output, execution.error, execution.worker_id, execution.created_at
                  from kronos.executions as execution
                 where execution.execution_id = any (v_ids);
            raise sqlstate 'KR020' using message = 'the span is done: its locks are given back';
        exception when sqlstate 'KR020' then
            null;
        end;
    end loop;
end
$$;
