-- runs_within: ticks_within of a schedule that may have calendars: the instants in [p_from, p_to) at which
-- its ticks run, the first p_limit of them.
-- Returns: ascending.
create or replace function kronos.runs_within(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_from timestamptz, p_to timestamptz, p_limit integer
) returns setof timestamptz
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone constant text := coalesce(p_schedule.timezone, 'UTC');
    v_tick timestamptz;
    v_runs timestamptz[] := '{}'::timestamptz[];
    v_latest timestamptz;
    v_fate record;
    v_beyond timestamptz;      -- from then on none runs before p_to
begin
    if p_calendars = '{}' then
        return query select kronos.ticks_within(p_schedule, greatest(p_from, p_starts_at),
                                                least(p_to, p_ends_at), p_limit);
        return;
    end if;
    v_tick := kronos.first_waiting(p_schedule, p_on_blackout,
                                   greatest(p_from, p_starts_at) - interval '1 microsecond');
    loop
        exit when v_tick is null or v_tick >= p_ends_at or cardinality(v_runs) >= p_limit
               or (v_tick >= p_to and p_on_blackout <> 'PREVIOUS');
        v_fate := kronos.tick_fate(p_workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at,
                                   p_ends_at, v_tick);
        v_latest := greatest(v_latest, v_fate.run_at);     -- the one before is waited for
        v_fate.run_at := case when v_fate.run_at is not null then v_latest end;
        if v_fate.run_at >= p_from and v_fate.run_at < least(p_to, p_ends_at)
        and (v_tick >= p_starts_at or p_starts_at is null)
        then
            v_runs := v_runs || v_fate.run_at;
        end if;
        -- A closed tick may run before its time, an open one ends the look; so does the day after the first
        -- one with ticks, which takes what would move over it.
        exit when v_tick >= p_to and v_fate.reason is null;
        if v_tick >= p_to then
            v_beyond := coalesce(v_beyond,
                                 kronos.local_instant(date_trunc('day', v_tick at time zone v_zone)
                                                      + interval '1 day', v_zone, 'SHIFT'));
        end if;
        v_tick := case when v_fate.run_at is null
                       then kronos.after_closed(p_schedule, p_on_blackout, p_starts_at, p_ends_at, v_tick,
                                                v_fate.until)
                       else kronos.next_tick(p_schedule, v_tick) end;
        exit when v_tick >= v_beyond;
    end loop;
    return query select run from unnest(v_runs) as run order by run;
end
$$;
