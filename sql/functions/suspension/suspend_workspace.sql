-- suspend_workspace: suspend the workspace of the transaction now (turn_workspace): from the commit on
-- nothing of it is claimed. Its jobs follow (turn_some): ticks due until now are accounted for, later ones
-- are SKIPPED, and no job has an entry. The jobs themselves stay as they are, and cannot be changed meanwhile
-- (takes_writes).
-- Returns: 0, because the previous release expects a number.
create or replace function kronos.suspend_workspace() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.turn_workspace(kronos.current_workspace_id(), 'SUSPENDED');
    return 0;
end
$$;
