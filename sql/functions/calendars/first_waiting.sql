-- first_waiting: the first tick of a schedule that may run later than p_after: the first one after it or, if
-- closed ticks roll forward, one of the last earlier day with ticks, which may wait for another day.
create or replace function kronos.first_waiting(p_schedule kronos.schedule, p_on_blackout text,
                                                p_after timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_days constant integer[] := array[0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 366];
    v_day  constant timestamp := date_trunc('day', p_after at time zone coalesce(p_schedule.timezone, 'UTC'));
    v_tick timestamptz;
    v_days integer;
begin
    foreach v_days in array case when p_on_blackout = 'NEXT' then c_days else '{}'::integer[] end loop
        v_tick := kronos.next_tick(p_schedule,
                                   (v_day - v_days * interval '1 day')
                                       at time zone coalesce(p_schedule.timezone, 'UTC')
                                   - interval '1 microsecond');
        if v_tick <= p_after then
            return v_tick;
        end if;
    end loop;
    return kronos.next_tick(p_schedule, p_after);
end
$$;
