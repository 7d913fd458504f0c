-- alarm_times: the minutes and hours in UTC of a schedule's local times, and by how many days the shift can
-- move a date. p_zone is what zone_shifts returns.
-- Returns: bits, and day_shifts: some of -1, 0, 1, ascending.
--
-- The times are shifted by each of the zone's offsets from UTC. Added to them are the instants to which ticks
-- inside a clock gap are moved. Ticks moved by the gap's length (SHIFT_BY_GAP) are already included: they are
-- their local times under the offset before the gap.
create or replace function kronos.alarm_times(p_schedule kronos.schedule, p_zone kronos.zones,
                                              out minutes bigint, out hours integer, out day_shifts integer[])
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_a_day constant bigint := (1 << 24) - 1;
    v_minutes  bigint;
    v_past     integer;     -- minutes by which an offset exceeds a full hour
    v_carry    integer;
    -- hours 0-23 of the day before, the same day and the day after, as bits 0-71; 63 bits are enough
    v_days     bigint;
    v_gap      timestamptz;
    v_end      timestamp;
    v_start    timestamp;
    v_is_moved boolean[] := '{f,f,f}'::boolean[];
begin
    minutes := 0;
    hours := 0;
    foreach v_past in array p_zone.offsets loop
        v_past := v_past / 60;
        v_carry := floor(v_past / 60.0);
        v_past := v_past - v_carry * 60;
        -- first the minutes that stay in their hour, then those that move to the hour before
        for i in 0 .. 1 loop
            v_minutes := case i when 0 then p_schedule.minutes >> v_past
                                else (p_schedule.minutes & ((1::bigint << v_past) - 1)) << (60 - v_past) end;
            continue when v_minutes = 0;
            minutes := minutes | v_minutes;
            v_days := p_schedule.hours::bigint << (24 - v_carry - i);
            hours := hours | ((v_days | (v_days >> 24) | (v_days >> 48)) & c_a_day)::integer;
            v_is_moved := array[v_is_moved[1] or v_days & c_a_day <> 0,
                                v_is_moved[2] or (v_days >> 24) & c_a_day <> 0,
                                v_is_moved[3] or v_days >> 48 <> 0];
        end loop;
    end loop;
    for i in 1 .. case when p_schedule.every_hour or p_schedule.dst_gap <> 'SHIFT' then 0
                       else cardinality(p_zone.gaps) end loop
        v_gap := p_zone.gaps[i];
        v_end := v_gap at time zone p_zone.timezone;
        v_start := v_end - make_interval(secs => p_zone.gap_seconds[i]);
        continue
            when kronos.next_local_tick(p_schedule, v_start - interval '1 microsecond') < v_end is not true;
        minutes := minutes | (1::bigint << extract(minute from v_gap at time zone 'UTC')::integer);
        hours := hours | (1 << extract(hour from v_gap at time zone 'UTC')::integer);
        -- a gap across midnight contains times of two dates
        v_is_moved[2 + ((v_gap at time zone 'UTC')::date - v_start::date)] := true;
        v_is_moved[2 + ((v_gap at time zone 'UTC')::date - (v_end - interval '1 microsecond')::date)] := true;
    end loop;
    day_shifts := array(select n - 2 from generate_subscripts(v_is_moved, 1) as n where v_is_moved[n]);
end
$$;
