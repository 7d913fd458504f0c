-- upkeep: what keeps unfinished executions moving although nobody is there to move them: leases that ran out, runs that wait for one that
-- has ended, and backfills.
-- Called by: workers that have room, a few times a second (queries/claims.sql); keep_leases.   Returns: one row of counts. p_limit bounds each.
-- backfilled: null while no backfill is RUNNING; else the next call is worth making soon.
create or replace function kronos.upkeep(p_limit integer, out requeued integer, out failed integer, out released integer, out backfilled integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    select expired.requeued, expired.failed into requeued, failed from kronos.expire_leases(p_limit) as expired;
    released := kronos.release_held(p_limit);
    backfilled := kronos.advance_backfills(p_limit);
end
$$;
