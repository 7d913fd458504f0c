-- stop_backfill: ends a RUNNING backfill as CANCELLED: what waits of it is cancelled, what runs ends without another attempt.
-- As the caller, so row level security holds. Lock order: jobs (the live version's, which who cancels the job holds too), backfills, executions.
-- Called by: queries/backfills.sql (cancel_backfill), stop_backfills.   Returns: whether it was RUNNING.
create or replace function kronos.stop_backfill(p_backfill_id uuid, p_reason jsonb) returns boolean
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    perform from kronos.jobs
      where first_version_id = (select backfill.first_version_id from kronos.backfills as backfill where backfill.backfill_id = p_backfill_id)
        and status in ('ACTIVE', 'PAUSED')
        for update;
    update kronos.backfills
       set status = 'CANCELLED', status_reason = p_reason, completed_at = clock_timestamp()
     where backfill_id = p_backfill_id
       and status = 'RUNNING';
    if not found then
        return false;
    end if;
    with unfinished as materialized (
        select execution_id, claim_token is null as is_waiting from kronos.execution_live where backfill_id = p_backfill_id order by execution_id for update
    ), running as (
        update kronos.execution_live as live
           set max_attempts = live.attempt_count
          from unfinished
         where live.execution_id = unfinished.execution_id and not unfinished.is_waiting
    ), waiting as (
        delete from kronos.execution_live as live
         using unfinished
         where live.execution_id = unfinished.execution_id and unfinished.is_waiting
        returning live.*
    )
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason, scheduled_at,
                                       run_at, created_at, started_at, attempt_count, max_attempts, input, error, backfill_id)
    select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'CANCELLED',
           jsonb_build_object('code', 'backfill_cancelled', 'detail', 'its backfill was cancelled'), scheduled_at,
           run_at, created_at, started_at, attempt_count, max_attempts, input, error, backfill_id
      from waiting;
    return true;
end
$$;
