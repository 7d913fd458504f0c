-- upkeep: continue unfinished executions and other work that no other process moves on. Workers that have
-- room call it a few times a second. It handles
-- - leases that have expired, and executions whose deadline has passed (expire_deadlines);
-- - runs that wait for one that has ended, or for room under their concurrency key (release_all_parked);
-- - backfills, operations, including those over jobs (change_jobs), and runs of chains (run_chained);
-- - for 50 ms each: executions of cancelled jobs (cancel_all), jobs that have yet to follow their workspace
--   (turn_all) or a calendar (move_all), and the contents of deleted workspaces (delete_further).
-- p_limit bounds each of the others. Workers check the leases, deadlines and chained runs whose time came
-- within the last three seconds, and every few seconds all of them; of the waiting runs they check a part
-- each time (release_held). keep_leases checks all of both every minute. So the cost does not depend on how
-- much was delivered or how many runs wait.
-- Every few seconds it also seals the audit (seal_audit) and accounts for silent heartbeats. When very many
-- fell silent together, a single step per minute (keep_up) reported the last of them only after an hour. It
-- takes 150 ms for this, because after an outage of hours each heartbeat has a hundred ticks.
-- Returns: one row of counts. backfilled: null while no backfill and no operation is RUNNING, no run of a
-- chain is due, no cancelled job has executions left, no job has a workspace or a calendar to follow and no
-- deleted workspace holds anything. Otherwise the next call should follow soon.
create or replace function kronos.upkeep(p_limit integer, p_all_leases boolean default true,
                                         p_all_waiting boolean default true, out requeued integer,
                                         out failed integer, out released integer, out backfilled integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_since constant timestamptz := case when p_all_leases then '-infinity'
                                         else kronos.now() - interval '3 seconds' end;
begin
    select expired.requeued, expired.failed into requeued, failed
      from kronos.expire_leases(p_limit, v_since) as expired;
    perform kronos.expire_deadlines(p_limit, v_since);
    released := kronos.release_held(p_limit, p_all_waiting) + kronos.release_all_parked(p_all_waiting);
    backfilled := kronos.advance_backfills(p_limit);
    if kronos.advance_operations(p_limit) is not null then
        backfilled := coalesce(backfilled, 0);
    end if;
    if kronos.change_jobs() is not null then      -- no 'or': it would wait until the others are done
        backfilled := coalesce(backfilled, 0);
    end if;
    if kronos.run_chained(p_limit, v_since) is not null then
        backfilled := coalesce(backfilled, 0);
    end if;
    if kronos.cancel_all(kronos.clock() + interval '50 milliseconds')
       + kronos.turn_all(kronos.clock() + interval '50 milliseconds')
       + kronos.move_all(kronos.clock() + interval '50 milliseconds')
       + kronos.delete_further(kronos.clock() + interval '50 milliseconds') > 0 then
        backfilled := coalesce(backfilled, 0);
    end if;
    if p_all_leases then
        perform kronos.seal_audit(1000);
        perform kronos.account_beats(200, interval '150 milliseconds');      -- last: pings wait for it
    end if;
end
$$;
