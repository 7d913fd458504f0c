-- first_run: when a schedule with calendars first runs at p_after or later, from its tick p_tick on, the
-- first p_passed runs passed over. What does not run in a closure is leapt over (after_closed), and where
-- three do not the time that all of the calendars close together (leapt). 200 ticks are looked at, of five
-- years: for a list of jobs each is asked; and no more than a few where the transaction has lasted for a
-- second: times of a day that are always closed would cost the list its statement.
-- Returns: null where there is none, or none is found.
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
    v_open tstzmultirange;      -- of the time that has passed
    v_latest timestamptz;       -- those before it wait until then, and it for them
    v_row integer := 0;         -- ticks since the last that runs
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
