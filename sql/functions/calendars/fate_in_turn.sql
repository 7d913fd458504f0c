-- fate_in_turn: tick_fate for a job's tick, given that ticks are accounted for in order. p_latest: when the
-- earlier ticks are accounted for (null: none is left).
-- Returns: due_at: when it is accounted for; run_at: the same, if it runs. reason: code in_turn if it waits
-- for earlier ticks longer than its calendars make it wait.
create or replace function kronos.fate_in_turn(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz, p_latest timestamptz,
    out run_at timestamptz, out reason jsonb, out until timestamptz, out due_at timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_fate constant record := kronos.tick_fate(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                               p_starts_at, p_ends_at, p_tick);
begin
    due_at := greatest(p_latest, coalesce(v_fate.run_at, p_tick));
    run_at := case when v_fate.run_at is not null then due_at end;
    until := v_fate.until;
    reason := v_fate.reason;
    if run_at > v_fate.run_at then
        reason := coalesce(reason, '{}') || jsonb_build_object(
            'code', 'in_turn',
            'detail', case when reason is null then 'no calendar closes it'
                           else format('the calendar %s closes it: %s', reason ->> 'calendar',
                                       reason ->> 'day') end
                      || format('; it runs in its turn, after the tick before it, on %s',
                                (run_at at time zone coalesce(p_schedule.timezone, 'UTC'))::date));
    end if;
end
$$;
