-- count_run: count a run by hand, or of a one-shot that has a row in jobs, in its own transaction, and check
-- its input. require_job calls it if the transaction's workspace has quotas. Ticks, backfills, callbacks and
-- retries are counted where they are created: that code serves all workspaces, and records the reason.
-- Raises: KR040, KR041.
create or replace function kronos.count_run(p_workspace_id uuid, p_input jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.check_inputs(p_workspace_id, array[p_input]);
    perform kronos.count_executions(p_workspace_id, 1);
end
$$;
