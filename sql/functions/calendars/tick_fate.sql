-- tick_fate: what calendars do with a tick of a schedule, in words (when_runs).
-- Returns: one row. run_at: when it runs; null: it is skipped. reason: null if it is open; otherwise code
-- blackout, blackout_merged, blackout_no_day, blackout_ended or rolled, detail, calendar, calendar_version,
-- day. until: as closed_by. Instants outside starts_at and ends_at are not ticks.
create or replace function kronos.tick_fate(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz,
    out run_at timestamptz, out reason jsonb, out until timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_run record;
    v_day text;
begin
    v_run := kronos.when_runs(p_workspace_id, p_calendars, p_on_blackout, p_schedule, p_starts_at, p_ends_at,
                           p_tick);
    run_at := v_run.run_at;
    until := v_run.until;
    if v_run.code is null then
        return;
    end if;
    v_day := kronos.day_called(p_workspace_id, v_run.calendar, v_run.place, p_tick);
    reason := jsonb_build_object(
        'code', v_run.code,
        'detail', format('the calendar %s closes it: %s', v_run.calendar, v_day)
                  || case v_run.code
                         when 'blackout_merged'
                             then format('; the job already runs on %s open day',
                                         case p_on_blackout when 'NEXT' then 'or before the next'
                                                            else 'or after the previous' end)
                         when 'blackout_ended' then '; the job has ended by the day on which it would run'
                         when 'blackout_no_day' then '; no day within a year is open at this time'
                         when 'rolled'
                             then format('; it runs on %s',
                                         (run_at at time zone coalesce(p_schedule.timezone, 'UTC'))::date)
                         else '' end,
        'calendar', v_run.calendar, 'calendar_version', v_run.version, 'day', v_day);
end
$$;
