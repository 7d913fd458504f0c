-- place_of: pointer_at for a job that has no row yet; p_tick is its first tick.
create or replace function kronos.place_of(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_tick timestamptz,
    out due_at timestamptz, out tick_at timestamptz
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    due_at := p_tick;
    if p_calendars <> '{}' and p_on_blackout <> 'SKIP' then
        due_at := coalesce((select fate.run_at
                              from kronos.when_runs(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                                    p_starts_at, p_ends_at, p_tick) as fate), p_tick);
        tick_at := nullif(p_tick, due_at);
    end if;
end
$$;
