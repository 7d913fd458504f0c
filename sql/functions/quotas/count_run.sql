-- count_run: a run by hand, or of a one-shot that has a row in jobs, is counted in its transaction, and its
-- input is looked at (require_job asks, where the transaction's workspace has quotas). Ticks, backfills,
-- callbacks and retries are counted where they are made: their makers serve all workspaces, and say why not.
-- Raises: KR040, KR041.
create or replace function kronos.count_run(p_workspace_id uuid, p_input jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.check_inputs(p_workspace_id, array[p_input]);
    perform kronos.count_executions(p_workspace_id, 1);
end
$$;
