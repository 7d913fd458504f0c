-- cancel_executions: of the executions given, those that wait are CANCELLED, and those that a worker is at
-- work on get no other attempt: their row says why (cancel_reason), their workers end the deliveries as soon
-- as they hear of it (ask_for_aborts), and the session that gives them back ends them. Locked first and then
-- read again: one that was claimed or given back between a statement's snapshot and its locks is changed as
-- it was in the snapshot until PostgreSQL notices, and a constraint is checked before that.
-- As the caller, so row level security holds. Locks the executions, ids ascending.
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
        on conflict do nothing;      -- as finalize_executions
end
$$;
