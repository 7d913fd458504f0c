-- first_run: when a schedule with calendars first runs, from its tick p_tick on, the first p_passed runs
-- passed over. A closure is leapt over; of ticks that are moved, at most 2,000 are looked at, of five years.
-- Returns: null where there is none, or none is found.
create or replace function kronos.first_run(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz, p_passed integer
) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_most constant integer := 2000;
    v_tick timestamptz := p_tick;
    v_left integer     := p_passed;
    v_fate record;
begin
    for v_nth in 1 .. c_most loop
        exit when v_tick is null or v_tick >= least(p_ends_at, p_tick + interval '5 years');
        v_fate := kronos.tick_fate(p_workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at,
                                   p_ends_at, v_tick);
        if v_fate.run_at >= kronos.now() and v_fate.run_at < coalesce(p_ends_at, 'infinity') then
            if v_left = 0 then
                return v_fate.run_at;
            end if;
            v_left := v_left - 1;
        end if;
        v_tick := kronos.next_tick(p_schedule,
                                   case when p_on_blackout = 'SKIP' and v_fate.run_at is null
                                        then greatest(v_tick, v_fate.until - interval '1 microsecond')
                                        else v_tick end);
    end loop;
    return null;
end
$$;
