-- pointer_by_rules: a heartbeat's pointer under the present rules of its time zone: at the first tick after
-- the last one that was accounted for or, without one, after the heartbeat was created or last changed. If
-- the rules changed since the pointer was stored, the tick that it awaits may be none any more, or there may
-- be one before it. A tick that came before the last change and is still open stays.
-- Returns: the pointer, not stored; nearly always as it was, at the cost of one search for the next tick.
create or replace function kronos.pointer_by_rules(p_beat kronos.beats, p_pointer kronos.beat_pointers)
returns kronos.beat_pointers
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick  constant timestamptz := p_pointer.next_tick_at;
    v_first timestamptz;
begin
    if p_beat.period_seconds is not null or not isfinite(v_tick) then
        return p_pointer;
    end if;
    v_first := kronos.beat_tick_after(p_beat, coalesce(p_pointer.last_tick_at, p_beat.updated_at));
    if v_first = v_tick
    or v_first > v_tick and kronos.beat_tick_after(p_beat, v_tick - interval '1 microsecond') = v_tick then
        return p_pointer;
    end if;
    return kronos.awaiting_tick(p_beat, p_pointer, v_first);
end
$$;
