-- at_midnight: a cron schedule's days, with one tick each, at midnight. What days it has is the same for
-- schedules that differ in hours and minutes alone.
create or replace function kronos.at_midnight(p_schedule kronos.schedule) returns kronos.schedule
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_days kronos.schedule := p_schedule;
begin
    v_days.minutes := 1;
    v_days.hours := 1;
    v_days.every_hour := false;
    v_days.dst_gap := 'SHIFT';
    v_days.dst_overlap := 'FIRST';
    return v_days;
end
$$;
