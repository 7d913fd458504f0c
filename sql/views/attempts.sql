-- attempts: what people, the API and tests read: the attempts that have ended, and those under way, which are
-- their executions' claims.
create or replace view kronos.attempts with (security_invoker = true) as
    select execution_id, workspace_id, attempt_number, status, started_at, completed_at, duration_ms, request,
           response, error, worker_id, endpoint_version
      from kronos.attempt
    union all
    select execution_id, workspace_id, attempt_count, 'RUNNING', claimed_at, null, null, null, null, null,
           worker_id, endpoint_version
      from kronos.execution_live
     where claim_token is not null;
