-- first_run: when a schedule with calendars first runs at p_after or later, from its tick p_tick on, not
-- counting the first p_passed runs. Ticks that a closure skips are passed over together (after_closed); after
-- three skipped ticks, so is the time that all calendars close together (leapt).
-- At most 200 ticks are examined, within five years, because lists call this for each job. Once the
-- transaction has lasted for a second only a few are: for times of day that are always closed, the list would
-- otherwise time out.
-- Returns: null if there is no such run, or none was found.
create or replace function kronos.first_run(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz, p_after timestamptz, p_passed integer
) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_most constant integer := 200;
    v_tick timestamptz := greatest(p_tick, kronos.first_waiting(p_schedule, p_on_blackout,
                                                                p_after - interval '1 microsecond'));
    v_left integer     := p_passed;
    v_open tstzmultirange;      -- open times in the past
    v_latest timestamptz;       -- earlier ticks wait until then, and it waits for them
    v_row integer := 0;         -- skipped ticks since the last run
    v_before timestamptz;
    v_since timestamptz;
    v_fate record;
begin
    if v_tick < p_after then
        v_open := kronos.open_times(p_workspace_id, p_calendars, v_tick, p_after);
    end if;
    for v_nth in 1 .. c_most loop
        exit when v_tick is null or v_tick >= least(p_ends_at, p_tick + interval '5 years')
               or (v_nth > 4 and kronos.clock() > kronos.now() + interval '1 second');
        if v_latest is null or v_latest < p_after then
            v_tick := coalesce(kronos.after_open(p_schedule, v_open, v_tick), v_tick);
        end if;
        v_since := kronos.runs_since(p_schedule, p_on_blackout, v_since, v_before, v_tick);
        if v_row in (0, 3) or v_row % 32 = 0 then
            v_tick := kronos.leapt(p_workspace_id, p_calendars, p_on_blackout, p_schedule, v_tick, v_since,
                                   v_row > 0);
            exit when v_tick is null;
        end if;
        v_before := v_tick;
        v_fate := kronos.when_runs(p_workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at,
                                   p_ends_at, v_tick);
        v_latest := greatest(v_latest, coalesce(v_fate.run_at, v_tick));
        v_row := case when v_fate.run_at is null then v_row + 1 else 0 end;
        if v_fate.run_at is not null and v_latest >= p_after then
            if v_left = 0 then
                return v_latest;
            end if;
            v_left := v_left - 1;
        end if;
        v_tick := case when v_fate.run_at is null
                       then kronos.after_closed(p_schedule, p_on_blackout, p_starts_at, p_ends_at, v_tick,
                                                v_fate.until)
                       else kronos.next_tick(p_schedule, v_tick) end;
    end loop;
    return null;
end
$$;
