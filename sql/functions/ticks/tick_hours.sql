-- tick_hours: the ticks of a schedule in [p_from, p_to), one number for each hour: a week of every minute is
-- 168 rows instead of 10,080. From a tick to the end of its day, or until the clocks change, an hour that the
-- schedule names has all of its minutes. Ticks that a gap moves are found one by one.
-- Returns: an instant at which an hour begins, on the zone's clocks (at the offset that holds from the tick
-- on) or in UTC, and the minutes after it that have a tick, as bits 0 to 59. An instant may occur twice. For
-- intervals of real time see interval_hours.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.tick_hours(p_schedule kronos.schedule, p_from timestamptz, p_to timestamptz)
returns table (hour timestamptz, minutes bigint)
language plpgsql stable rows 50 set search_path = pg_catalog, pg_temp
as $$
declare
    c_least  constant interval  := interval '1 microsecond';
    c_day    constant interval  := interval '24 hours';
    v_zone   constant text      := p_schedule.timezone;
    c_hour   constant interval  := interval '1 hour';
    v_hours  constant integer[] := kronos.cron_values(p_schedule.hours::bigint);
    v_minutes constant bigint   := p_schedule.minutes;
    v_tick   timestamptz := p_from - c_least;
    v_local  timestamp;
    v_begins timestamptz;
    v_until  timestamptz;
    v_to     timestamptz;
    v_hour   integer;
    v_gap    interval;
begin
    loop
        v_tick := kronos.next_tick(p_schedule, v_tick);
        exit when v_tick >= p_to or v_tick is null;
        v_local := v_tick at time zone v_zone;
        -- by how much the clocks were put forward in the last day, and whether they were at the place from
        -- which a tick may be moved: by the length of the gap, or to its end
        v_gap := v_local - c_day - (v_tick - c_day) at time zone v_zone;
        if p_schedule.dst_gap <> 'SHIFT_BY_GAP' then
            v_gap := least(v_gap, c_least);
        end if;
        if p_schedule.anchor_local is not null
        or (v_gap > interval '0' and (v_tick - v_gap) at time zone v_zone <> v_local - v_gap) then
            hour := date_trunc('hour', v_tick, 'UTC');
            minutes := 1::bigint << date_part('minute', v_tick at time zone 'UTC')::integer;
            return next;
            continue;
        end if;
        v_begins := v_tick - (v_local - date_trunc('day', v_local));
        v_until := v_begins + c_day;
        if (v_until - c_least) at time zone v_zone <> date_trunc('day', v_local) + c_day - c_least then
            v_until := kronos.zone_change(v_zone, v_tick at time zone 'UTC',
                                          (v_until - c_least) at time zone 'UTC') at time zone 'UTC';
        end if;
        v_to := least(p_to, v_until);
        foreach v_hour in array v_hours loop
            hour := v_begins + v_hour * c_hour;
            exit when hour >= v_to;
            if hour >= v_tick and hour + c_hour <= v_to then
                minutes := v_minutes;
                return next;
            elsif hour + c_hour > v_tick then
                minutes := kronos.minutes_within(v_minutes, hour, v_tick, v_to);
                return next;
            end if;
        end loop;
        v_tick := v_until - c_least;
    end loop;
end
$$;
