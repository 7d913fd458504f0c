-- awaiting_tick: moves a heartbeat's pointer to the tick that is expected next. A ping counts for that tick
-- if it comes slightly early, because clocks differ: up to 30 s, or a quarter of the time to the tick after
-- it if that is less. For a heartbeat with a period every ping counts.
-- Returns: the pointer, not stored.
create or replace function kronos.awaiting_tick(p_beat kronos.beats, p_pointer kronos.beat_pointers,
                                                p_tick timestamptz)
returns kronos.beat_pointers
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_after timestamptz;
begin
    p_pointer.next_tick_at := p_tick;
    p_pointer.opens_at := case when p_beat.period_seconds is not null then '-infinity' else p_tick end;
    if p_beat.period_seconds is null and p_tick < 'infinity' then
        v_after := kronos.beat_tick_after(p_beat, p_tick);
        p_pointer.opens_at := p_tick - case when v_after < 'infinity'
                                            then least(interval '30 seconds', (v_after - p_tick) / 4)
                                            else interval '30 seconds' end;
    end if;
    p_pointer.due_at := case when p_beat.status = 'PAUSED' then 'infinity'
                             else p_tick + make_interval(secs => p_beat.grace_seconds) end;
    return p_pointer;
end
$$;
