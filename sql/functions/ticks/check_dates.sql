-- check_dates: return p_schedule if it names a date that will come. A preview must accept only schedules with
-- which a job could be created.
-- Raises: KR002 if no clock will ever show a time that the schedule names.
create or replace function kronos.check_dates(p_schedule kronos.schedule, p_after timestamptz)
returns kronos.schedule
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_schedule.every_seconds is null
    and kronos.next_local_tick(p_schedule, p_after at time zone p_schedule.timezone) is null then
        raise sqlstate 'KR002' using
            message = 'the schedule never fires: no date matches its day and month fields',
            hint = 'Check day-of-month against month: 30 2, for example, is the 30th of February.';
    end if;
    return p_schedule;
end
$$;
