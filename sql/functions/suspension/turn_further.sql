-- turn_further: turn_some for the workspace of the transaction. The request that suspended or resumed it
-- calls this repeatedly, each time in a separate transaction.
-- Returns: how many jobs it handled, and how many have yet to follow.
create or replace function kronos.turn_further(out done integer, out jobs_left integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    done := kronos.turn_some(kronos.current_workspace_id());
    jobs_left := kronos.jobs_left(kronos.current_workspace_id());
end
$$;
