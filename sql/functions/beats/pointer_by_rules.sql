-- pointer_by_rules: a heartbeat's pointer under the present rules of its time zone. If they changed since the
-- pointer was stored, the tick that it awaits is none any more: the next one is the first after the last tick
-- that was accounted for or, without one, after the heartbeat was created or last changed.
-- Returns: the pointer, not stored; nearly always as it was, at the cost of one search for the next tick.
create or replace function kronos.pointer_by_rules(p_beat kronos.beats, p_pointer kronos.beat_pointers)
returns kronos.beat_pointers
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick constant timestamptz := p_pointer.next_tick_at;
begin
    if p_beat.period_seconds is not null or not isfinite(v_tick)
    or kronos.beat_tick_after(p_beat, v_tick - interval '1 microsecond') = v_tick then
        return p_pointer;
    end if;
    return kronos.awaiting_tick(
        p_beat, p_pointer,
        kronos.beat_tick_after(p_beat, coalesce(p_pointer.last_tick_at, p_beat.updated_at)));
end
$$;
