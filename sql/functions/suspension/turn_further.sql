-- turn_further: turn_some, for the workspace of the transaction: what a request does that suspended or
-- resumed it, again and again, each in a transaction of its own. Returns: how many jobs it got on with,
-- and how many have still to follow.
create or replace function kronos.turn_further(out done integer, out jobs_left integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    done := kronos.turn_some(kronos.current_workspace_id());
    jobs_left := kronos.jobs_left(kronos.current_workspace_id());
end
$$;
