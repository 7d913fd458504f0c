-- named_days: the local days on which a cron schedule has ticks, from the day of p_from up to the day of
-- p_to, both included. Calls next_tick with a schedule that has these days and ticks at midnight, so it is
-- right only for days that have no clock change near them.
-- Returns: ascending; none if the schedule is malformed.
create or replace function kronos.named_days(p_schedule kronos.schedule, p_from timestamptz, p_to timestamptz)
returns setof timestamp
language plpgsql stable rows 8 set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick timestamptz := date_trunc('day', p_from at time zone p_schedule.timezone)
                          at time zone p_schedule.timezone - interval '1 microsecond';
begin
    loop
        v_tick := kronos.next_tick(p_schedule, v_tick);
        exit when v_tick > p_to or v_tick is null;
        return next date_trunc('day', v_tick at time zone p_schedule.timezone);
    end loop;
exception when data_exception then
    return;
end
$$;
