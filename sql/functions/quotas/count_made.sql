-- count_made: count the one-shots that are about to be created in the transaction's workspace, and check
-- their inputs. Called only if the workspace has quotas.
-- Raises: KR040, KR041.
create or replace function kronos.count_made(p_number bigint, p_inputs jsonb[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.check_inputs(kronos.current_workspace_id(), p_inputs);
    perform kronos.count_executions(kronos.current_workspace_id(), p_number);
end
$$;
