-- suspend_workspace: halts the workspace of the transaction at this instant (turn_workspace): nothing of
-- it is claimed from the commit on. Its jobs follow (turn_some): the ticks due until now are accounted
-- for, those after are SKIPPED, and no job has an entry. Jobs stay as they are: nothing is
-- changed in it meanwhile (takes_writes). Returns: 0, as the release before wants a number.
create or replace function kronos.suspend_workspace() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.turn_workspace(kronos.current_workspace_id(), 'SUSPENDED');
    return 0;
end
$$;
