-- cancel_executions: cancels the given executions. Those that wait become CANCELLED. Those that a worker is
-- delivering get no other attempt: cancel_reason in their row says why, their workers end the deliveries when
-- they are notified (ask_for_aborts), and they end when their result is recorded or they are released.
-- The rows are locked first and then read again. Otherwise a row that was claimed or released between the
-- statement's snapshot and its lock would be changed as it was in the snapshot, until PostgreSQL notices, and
-- a constraint is checked before that.
-- Runs as the caller: row level security applies. Locks the executions, ids ascending.
create or replace function kronos.cancel_executions(p_execution_ids uuid[], p_reason jsonb) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_running uuid[];
begin
    perform from kronos.execution_live
      where execution_id = any (p_execution_ids)
      order by execution_id
        for update;
    with running as (
        update kronos.execution_live
           set cancel_reason = coalesce(cancel_reason, p_reason)
         where execution_id = any (p_execution_ids)
           and claim_token is not null
        returning execution_id
    )
    select array_agg(execution_id order by execution_id) into v_running from running;
    perform kronos.ask_for_aborts(v_running);
    with waiting as (
        delete from kronos.execution_live as live
         where execution_id = any (p_execution_ids)
           and claim_token is null
        returning live as whole, error
    )
    insert into kronos.execution_done
    select done.*
      from waiting
     cross join lateral kronos.archived(waiting.whole, 'CANCELLED', p_reason, null, waiting.error) as done
        on conflict do nothing;      -- as in finalize_executions
end
$$;
