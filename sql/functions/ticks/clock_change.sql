-- clock_change: what a change of clocks does to a run: 'shifted' where a local time that does not exist was
-- moved to it; 'repeated' where the zone's clocks show its local time twice; else null. p_tick is a tick of
-- the schedule.
--
-- A gap has no local times of its own, so what was moved is found by the calendar: the named minutes between
-- the readings before and at the tick. Of a reading that is there twice PostgreSQL's `at time zone` takes the
-- later instant (DetermineTimeZoneOffset); the earlier one is as much earlier as the clocks were put back,
-- which shows in their distance from UTC a day before.
create or replace function kronos.clock_change(p_schedule kronos.schedule, p_tick timestamptz) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone    text := p_schedule.timezone;
    v_local   timestamp := p_tick at time zone v_zone;
    v_before  timestamp := (p_tick - interval '1 microsecond') at time zone v_zone;
    v_earlier interval;
begin
    if p_schedule.dst_gap = 'SHIFT_BY_GAP' and kronos.moved_tick(p_schedule, p_tick) = p_tick then
        return 'shifted';
    elsif v_local - v_before > interval '1 microsecond' then
        return case
            when p_schedule.every_seconds is null
                 and not p_schedule.every_hour
                 and p_schedule.dst_gap = 'SHIFT'
             and kronos.next_local_tick(p_schedule, v_before) < v_local
            then 'shifted'
        end;
    elsif v_local at time zone v_zone <> p_tick then
        return 'repeated';
    end if;
    v_before := (p_tick - interval '24 hours') at time zone v_zone;
    v_earlier := v_before - v_local + interval '24 hours';
    return case
        when v_earlier > interval '0' and (p_tick - v_earlier) at time zone v_zone = v_local then 'repeated'
    end;
end
$$;
