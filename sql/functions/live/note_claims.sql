-- note_claims: notes executions that a worker has claimed. The claiming statement checks for listeners before
-- it calls this (claim_executions), and is kept as short as possible.
-- Returns: true.
create or replace function kronos.note_claims(p_workspace_ids uuid[], p_execution_ids uuid[]) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.note_live('execution', 'changed', p_workspace_ids, p_execution_ids);
    return true;
end
$$;
