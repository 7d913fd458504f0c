-- tick_near: the tick that a question about p_at refers to: of the ticks within p_at's minute the last one up
-- to p_at, otherwise the first one.
-- Returns: null if the minute has none, or if the schedule is malformed.
create or replace function kronos.tick_near(p_schedule kronos.schedule, p_at timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_minute timestamptz := date_trunc('minute', p_at, 'UTC');
    v_tick   timestamptz;
    v_found  timestamptz;
begin
    v_tick := kronos.next_tick(p_schedule, v_minute - interval '1 microsecond');
    while v_tick < v_minute + interval '1 minute' and (v_found is null or v_tick <= p_at) loop
        v_found := v_tick;
        v_tick := kronos.next_tick(p_schedule, v_tick);
    end loop;
    return v_found;
exception when data_exception then
    return null;
end
$$;
