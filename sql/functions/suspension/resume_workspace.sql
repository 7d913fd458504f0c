-- resume_workspace: resume the suspended workspace of the transaction now (turn_workspace): executions that
-- waited are due for the workers. Its jobs follow (turn_some): the ticks of the suspension are recorded as
-- skipped, and the entries are registered.
-- Returns: 0, because the previous release expects a number.
create or replace function kronos.resume_workspace() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if kronos.turn_workspace(kronos.current_workspace_id(), 'ACTIVE') then
        -- it has been due for long: a search that begins where claims ended would miss it
        perform pg_notify('kronos_work', 'old');
    end if;
    return 0;
end
$$;
