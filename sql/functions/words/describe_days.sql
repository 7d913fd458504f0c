-- describe_days: the days of a schedule in words, with the blank or comma that joins them to the preceding
-- text: " on Monday".
-- Returns: only p_months if every day of the month matches.
create or replace function kronos.describe_days(p_schedule kronos.schedule, p_months text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_every_day constant bigint := 4294967294;     -- bits 1-31
    v_is_any_day     boolean := (p_schedule.days & c_every_day) = c_every_day;
    v_is_any_weekday boolean := p_schedule.weekdays = 127;
begin
    return case
        when v_is_any_day and v_is_any_weekday then p_months
        when not p_schedule.both_days and (v_is_any_day or v_is_any_weekday) then p_months
        when v_is_any_day then ' on ' || kronos.describe_weekdays(p_schedule, 'and') || p_months
        when v_is_any_weekday then ' on ' || kronos.describe_month_days(p_schedule) || p_months
        when p_schedule.both_days
            then ' on ' || kronos.describe_month_days(p_schedule) || p_months || ', only if it is '
                 || kronos.describe_weekdays(p_schedule, 'or')
        else ' on ' || kronos.describe_month_days(p_schedule) || ' and also on '
             || kronos.describe_weekdays(p_schedule, 'and')
             || case p_months when '' then '' else ',' || p_months end
    end;
end
$$;
