-- tick_fate: what calendars make of a tick of a schedule: the one place that says it. A tick that none of them
-- closes runs at its time. One that is closed is skipped, or runs at the same local time of the next or the
-- previous day on which that is open (p_on_blackout). A day takes the ticks of one day: its own, or else those
-- of the nearest closed one, and the others' are skipped. So no tick overtakes another.
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
    v_day    constant date      := v_local::date;
    v_closed record;
    v_target date;
    v_other  timestamptz;       -- the tick nearest to it, on the way to the day that it would roll to
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
    if p_on_blackout <> 'SKIP' then
        run_at := kronos.rolled_to(p_workspace_id, p_calendars, v_local, v_zone, p_schedule.dst_gap,
                                   case p_on_blackout when 'NEXT' then 1 else -1 end);
        v_target := (run_at at time zone v_zone)::date;
        v_other := kronos.next_tick(
            p_schedule,
            greatest(kronos.local_instant((case p_on_blackout when 'NEXT' then v_day + 1 else v_target end)
                                          ::timestamp, v_zone, 'SHIFT'), p_starts_at)
            - interval '1 microsecond');
        if run_at is null then
            v_code := 'blackout_no_day';
            v_detail := v_detail || '; no day within a year is open at this time';
        elsif (v_other < p_ends_at or p_ends_at is null)
        and (v_other at time zone v_zone)::date < (case p_on_blackout when 'NEXT' then v_target + 1
                                                                      else v_day end) then
            v_code := 'blackout_merged';
            v_detail := v_detail || format('; %s has its own runs, or a nearer day''s', v_target);
            run_at := null;
        else
            v_code := 'rolled';
            v_detail := v_detail || format('; it runs on %s', v_target);
        end if;
    else
        run_at := null;
    end if;
    reason := jsonb_build_object('code', v_code, 'detail', v_detail, 'calendar', v_closed.calendar,
                                 'calendar_version', v_closed.version, 'day', v_closed.day);
end
$$;
