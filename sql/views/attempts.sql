-- attempts: all attempts, for people, the API and tests: those that have ended; the only attempts of
-- executions that succeeded, which are in the executions' rows; and those in progress, which are their
-- executions' claims.
create or replace view kronos.attempts with (security_invoker = true) as
    select execution_id, workspace_id, attempt_number, status, started_at, completed_at, duration_ms, request,
           response, error, worker_id, endpoint_version
      from kronos.attempt
    union all
    select execution_id, workspace_id, attempt_count, status, started_at, completed_at, attempt_ms,
           attempt_request, output, error, worker_id, endpoint_version
      from kronos.execution_done
     where attempt_token is not null
    union all
    select execution_id, workspace_id, attempt_count, 'RUNNING', claimed_at, null, null, null, null, null,
           worker_id, endpoint_version
      from kronos.execution_live
     where claim_token is not null;
