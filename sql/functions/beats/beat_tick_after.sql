-- beat_tick_after: the first tick of a heartbeat after an instant; with a period, one period after it.
-- Returns: infinity if there is none.
create or replace function kronos.beat_tick_after(p_beat kronos.beats, p_after timestamptz)
returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when p_beat.period_seconds is not null
                then p_after + make_interval(secs => p_beat.period_seconds)
                else coalesce(kronos.next_tick(p_beat.schedule, p_after), 'infinity') end;
end
$$;
