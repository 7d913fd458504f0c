-- note_claims: notes executions that a worker has claimed. Their statement asks whether anybody listens
-- before it calls this (claim_executions), and is as short as it can be.
-- Returns: true.
create or replace function kronos.note_claims(p_workspace_ids uuid[], p_execution_ids uuid[]) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.note_live('execution', 'changed', p_workspace_ids, p_execution_ids);
    return true;
end
$$;
