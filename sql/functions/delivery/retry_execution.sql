-- retry_execution: an execution of the transaction's workspace is due again, as take_up_again says.
-- Returns: null where it is due; else why not (take_up_again).
-- Raises: KR012 where its endpoint was deleted (require_live_endpoint).
create or replace function kronos.retry_execution(p_execution_id uuid,
                                                  p_endpoint_version text default 'latest')
returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select kronos.take_up_again(kronos.current_workspace_id(), p_execution_id, p_endpoint_version)
$$;
