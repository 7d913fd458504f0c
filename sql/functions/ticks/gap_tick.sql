-- gap_tick: the tick of a reading that the clocks of a zone never show, because they are put forward at
-- p_from, to p_reading: the first instant after the gap or, with dst_gap SHIFT_BY_GAP, the instant at which
-- the clocks would have shown it, p_unmoved, unless the schedule names one before that. p_unmoved and p_from
-- are readings of UTC's clock.
create or replace function kronos.gap_tick(p_schedule kronos.schedule, p_unmoved timestamp, p_from timestamp,
                                           p_reading timestamp)
returns timestamptz
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if p_schedule.dst_gap is distinct from 'SHIFT_BY_GAP' then
        return p_from at time zone 'UTC';
    end if;
    return least(p_unmoved, kronos.next_local_tick(p_schedule, p_reading - interval '1 microsecond')
                            - p_reading + p_from) at time zone 'UTC';
end
$$;
