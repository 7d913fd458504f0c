-- when_runs: decides what calendars do with a tick of a schedule; no other function decides this. A tick that
-- no calendar closes runs at its own time. A closed tick is skipped, or runs at the same local time on the
-- next or previous day on which that time is open (p_on_blackout). A day takes the ticks of one day only: its
-- own or, if it has none, those of the nearest closed day; the ticks of other days are skipped. So no tick
-- overtakes another.
-- Returns: one row. run_at: when it runs; null: it is skipped. code: null if it is open; otherwise blackout,
-- blackout_merged, blackout_no_day, blackout_ended or rolled. calendar, version, place, until: as closed_by.
-- Instants outside starts_at and ends_at are not ticks.
create or replace function kronos.when_runs(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz,
    out run_at timestamptz, out code text, out until timestamptz,
    out calendar text, out version integer, out place integer
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_closed record;
    v_rolled record;
begin
    run_at := p_tick;
    if p_calendars = '{}' then
        return;
    end if;
    v_closed := kronos.closed_by(p_workspace_id, p_calendars, p_tick);
    if v_closed.calendar is null then
        return;
    end if;
    calendar := v_closed.calendar;
    version := v_closed.version;
    place := v_closed.place;
    until := v_closed.until;
    if p_on_blackout = 'SKIP' then
        run_at := null;
        code := 'blackout';
        return;
    end if;
    v_rolled := kronos.rolled_to(p_workspace_id, p_calendars, p_schedule, p_starts_at, p_ends_at,
                                 p_tick at time zone coalesce(p_schedule.timezone, 'UTC'),
                                 case p_on_blackout when 'NEXT' then 1 else -1 end);
    run_at := v_rolled.at;
    if run_at >= p_ends_at then      -- it does not wait, so that later ticks do not wait for it
        run_at := null;
        code := 'blackout_ended';
        return;
    end if;
    code := case when v_rolled.is_taken then 'blackout_merged'
                 when run_at is null then 'blackout_no_day'
                 else 'rolled' end;
end
$$;
