-- archived: the row of execution_done for an execution of the queue, without the attempt that
-- finalize_successes stores in the row. Only the statements that end nearly every delivery do not call it: a
-- call would cost them 4 %, 0.8 to 1.2 µs per execution. They have its columns by name: {Archived} stands
-- there for those of p_live below (kronos/sql.py), and tests/worker/test_archived.py compares the rows.
-- p_output, p_error: of the last attempt; for an execution that was not tried to its end, the error in its
-- row. p_completed_at: defaults to the transaction's instant. No argument may be volatile, so that it is
-- inlined.
-- Returns: one row.
create or replace function kronos.archived(
    p_live kronos.execution_live, p_status text, p_reason jsonb, p_output jsonb, p_error jsonb,
    p_completed_at timestamptz default null
)
returns setof kronos.execution_done
language sql stable parallel safe
as $$
    select p_live.execution_id, p_live.workspace_id, p_live.job_id, p_live.endpoint_id,
           p_live.endpoint_version, p_live.cause, p_status, p_reason, p_live.scheduled_at, p_live.run_at,
           p_live.created_at, p_live.started_at, coalesce(p_completed_at, kronos.now()),
           p_live.attempt_count, p_live.max_attempts, 1, p_live.worker_id, p_live.input, p_output, p_error,
           p_live.backfill_id, null::uuid, null::integer, null::jsonb,
           p_live.priority, p_live.created_by
$$;
