-- tick_fate: what calendars make of a tick of a schedule: the one place that says it. A tick that none of
-- them closes runs at its time. One that is closed is skipped, or runs at the same local time of the next or
-- the previous day on which that is open (p_on_blackout). A day takes the ticks of one day: its own, or else
-- those of the nearest closed one, and the others' are skipped. So no tick overtakes another.
-- Returns: one row. run_at: when it runs; null: it is skipped. reason: null where it is open; else code
-- blackout, blackout_merged, blackout_no_day or rolled, detail, calendar, calendar_version, day. until: as
-- closure_at. What starts_at and ends_at leave out is no tick.
create or replace function kronos.tick_fate(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz,
    out run_at timestamptz, out reason jsonb, out until timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone   constant text      := coalesce(p_schedule.timezone, 'UTC');
    v_local  constant timestamp := p_tick at time zone v_zone;
    v_closed record;
    v_rolled record;
    v_code   text               := 'blackout';
    v_detail text;
begin
    run_at := p_tick;
    if p_calendars = '{}' then
        return;
    end if;
    v_closed := kronos.closure_at(p_workspace_id, p_calendars, p_tick);
    if v_closed.calendar is null then
        return;
    end if;
    until := v_closed.until;
    v_detail := format('the calendar %s closes it: %s', v_closed.calendar, v_closed.day);
    if p_on_blackout = 'SKIP' then
        run_at := null;
    else
        v_rolled := kronos.rolled_to(p_workspace_id, p_calendars, p_schedule, p_starts_at, p_ends_at, v_local,
                                     case p_on_blackout when 'NEXT' then 1 else -1 end);
        run_at := v_rolled.at;
        if v_rolled.is_taken then
            v_code := 'blackout_merged';
            v_detail := v_detail || format('; a day with runs comes no %s open one',
                                           case p_on_blackout when 'NEXT' then 'later than the next'
                                                              else 'earlier than the last' end);
        elsif run_at is null then
            v_code := 'blackout_no_day';
            v_detail := v_detail || '; no day within a year is open at this time';
        else
            v_code := 'rolled';
            v_detail := v_detail || format('; it runs on %s', (run_at at time zone v_zone)::date);
        end if;
    end if;
    reason := jsonb_build_object('code', v_code, 'detail', v_detail, 'calendar', v_closed.calendar,
                                 'calendar_version', v_closed.version, 'day', v_closed.day);
end
$$;
