-- clock_change: the effect of a clock change on a run. 'shifted': its local time does not exist, and the run
-- was moved to this tick. 'repeated': the zone's clocks show its local time twice. Otherwise null. p_tick
-- must be a tick of the schedule.
--
-- A gap has no local times, so a moved run is found by the calendar: the schedule names minutes between the
-- readings just before and at the tick. For a local time that occurs twice, PostgreSQL's `at time zone` takes
-- the later instant (DetermineTimeZoneOffset). The earlier one precedes it by as much as the clocks were put
-- back, which is the difference between their UTC offsets now and a day before.
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
