-- at_midnight: the days of a cron schedule, with one tick each, at midnight. Schedules that differ only in
-- their hours and minutes have the same days.
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
