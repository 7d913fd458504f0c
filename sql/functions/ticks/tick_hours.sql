-- tick_hours: the ticks of a schedule from p_from up to, and without, p_to, an hour of them in one number, so
-- that a week of every minute is 168 rows and not 10,080. A day on which the clocks are left alone has all of
-- the schedule's hours, and so has an hour all of its minutes; near a change of the clocks each tick is asked
-- for.
-- Returns: an instant at which an hour begins, on the zone's clocks or on UTC's, and the minutes after it
-- that have a tick, as bits 0 to 59; an instant may come twice. Of intervals of real time: interval_hours.
-- Raises: 22xxx where the schedule is malformed.
create or replace function kronos.tick_hours(p_schedule kronos.schedule, p_from timestamptz, p_to timestamptz)
returns table (hour timestamptz, minutes bigint)
language plpgsql stable rows 50 set search_path = pg_catalog, pg_temp
as $$
declare
    -- As count_ticks has it.
    c_margin constant interval := case when p_schedule.dst_gap = 'SHIFT_BY_GAP' then interval '24 hours'
                                       else interval '3 hours' end;
    c_hour   constant interval := interval '1 hour';
    v_zone   constant text     := p_schedule.timezone;
    v_hours  constant integer[] := kronos.cron_values(p_schedule.hours::bigint);
    v_tick   timestamptz := p_from - interval '1 microsecond';
    v_day    timestamp;
    v_begins timestamptz;
    v_ends   timestamptz;
begin
    loop
        v_tick := kronos.next_tick(p_schedule, v_tick);
        exit when v_tick >= p_to or v_tick is null;
        v_day := date_trunc('day', v_tick at time zone v_zone);
        v_begins := v_day at time zone v_zone;
        v_ends := (v_day + interval '1 day') at time zone v_zone;
        if p_schedule.anchor_local is null
           and v_ends - v_begins = interval '1 day'
           and (v_ends + c_margin) at time zone v_zone = v_day + interval '1 day' + c_margin
           and (v_begins - c_margin) at time zone v_zone = v_day - c_margin then
            return query
                select v_begins + of_day.hour * interval '1 hour',
                       kronos.minutes_within(p_schedule.minutes, v_begins + of_day.hour * interval '1 hour',
                                             p_from, p_to)
                  from unnest(v_hours) as of_day (hour)
                 where v_begins + (of_day.hour + 1) * interval '1 hour' > v_tick
                   and v_begins + of_day.hour * interval '1 hour' < p_to;
            v_tick := v_ends - interval '1 microsecond';
            continue;
        end if;
        v_day := date_trunc('hour', v_tick at time zone v_zone);
        hour := v_day at time zone v_zone;
        if p_schedule.anchor_local is null
           and (hour + c_hour + c_margin) at time zone v_zone = v_day + c_hour + c_margin
           and (hour - c_margin) at time zone v_zone = v_day - c_margin then
            minutes := kronos.minutes_within(p_schedule.minutes, hour, p_from, p_to);
            v_tick := hour + c_hour - interval '1 microsecond';
        else
            hour := date_trunc('hour', v_tick, 'UTC');
            minutes := 1::bigint << date_part('minute', v_tick at time zone 'UTC')::integer;
        end if;
        return next;
    end loop;
end
$$;
