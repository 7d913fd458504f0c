-- moved_tick: for dst_gap SHIFT_BY_GAP, the first tick at or after p_from that a gap before p_from moves. A
-- local time that the clocks never show is moved by the length of the gap: to the instant at which they would
-- have shown it, had they not been put forward.
-- Returns: null if there is none, and if ticks are not moved by the length of their gap.
--
-- No gap is longer than 24 hours, and no zone changes its clocks twice within three days. So if the UTC
-- offset is greater than it was a day ago, a single gap caused that, and the ticks that it moves lie within
-- its length after it.
create or replace function kronos.moved_tick(p_schedule kronos.schedule, p_from timestamptz)
returns timestamptz
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone   constant text      := p_schedule.timezone;
    v_from   constant timestamp := p_from at time zone 'UTC';
    -- the distance before the gap
    v_before constant interval  :=
        (p_from - interval '24 hours') at time zone v_zone - v_from + interval '24 hours';
    v_gap    constant interval  := p_from at time zone v_zone - v_from - v_before;
    v_at     timestamp;
begin
    if p_schedule.dst_gap <> 'SHIFT_BY_GAP' or p_schedule.every_hour or v_gap <= interval '0' then
        return null;
    end if;
    v_at := kronos.next_local_tick(p_schedule, v_from + v_before - interval '1 microsecond') - v_before;
    -- A tick outside the gap is a reading of the clocks after it.
    return case
        when v_at < v_from + v_gap
             and (v_at - v_gap) at time zone 'UTC' at time zone v_zone = v_at - v_gap + v_before
            then v_at at time zone 'UTC'
    end;
end
$$;
