-- resume_workspace: lets the suspended workspace of the transaction go on at this instant
-- (turn_workspace): the executions that waited are due for the workers. Its jobs follow (turn_some): each
-- one's ticks of the suspension are recorded as skipped, and its entry is registered. Returns: 0, as the
-- release before wants a number.
create or replace function kronos.resume_workspace() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if kronos.turn_workspace(kronos.current_workspace_id(), 'ACTIVE') then
        -- it has been due for long: a look that begins where claims ended passes it over
        perform pg_notify('kronos_work', 'old');
    end if;
    return 0;
end
$$;
