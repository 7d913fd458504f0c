-- upkeep: what keeps unfinished executions moving although nobody is there to move them: leases that ran out,
-- executions whose deadline has passed (expire_deadlines), runs that wait for one that has ended, or for room
-- under their concurrency key (release_all_parked), backfills, operations, those over jobs too (change_jobs),
-- runs of chains (run_chained), executions of cancelled jobs (cancel_all), jobs that have still to follow
-- their workspace (turn_all) or a calendar (move_all) and what deleted workspaces held (delete_further), for
-- 50 ms each. p_limit bounds each of the others. Workers that have room call it a few times a second. They
-- look at the leases, deadlines and chained runs whose time came within the last three seconds, and every few
-- seconds at all of them; of the runs that wait they look at a part each time (release_held). Every few
-- seconds the audit is sealed, too (seal_audit), and heartbeats are accounted for that were silent: where all
-- of very many fall silent together, a step a minute (keep_up) told of the last after an hour; for 150 ms:
-- after an outage of hours each has a hundred ticks. So it costs the same whatever was delivered and however
-- many wait. keep_leases looks at all of both, each minute.
-- Returns: one row of counts. backfilled: null while no backfill and no operation is RUNNING, no run of a
-- chain is due, no cancelled job has executions left, no job has a workspace or a calendar to follow and
-- no deleted workspace holds anything; else the next call is worth making soon.
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
    if kronos.change_jobs() is not null then      -- not 'or' that: it would wait for the others to be over
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
