-- describe_days: the days of a schedule in words, with the blank or comma that joins them to what precedes: " on Monday".
-- Called by: describe_schedule.
-- Returns: '' where every day of the month matches.
create or replace function kronos.describe_days(p_schedule kronos.schedule, p_months text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_every_day constant bigint := 4294967294;     -- bits 1-31
    c_names     constant text[] := '{Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday}';
    v_is_any_day     boolean := (p_schedule.days & c_every_day) = c_every_day;
    v_is_any_weekday boolean := p_schedule.weekdays = 127;
    v_listed    bigint := p_schedule.days & c_every_day;
    v_weekdays  integer[];
    v_days      text;
begin
    -- A week is told from Monday on, with Sunday as its 7th day.
    v_weekdays := kronos.cron_values(((p_schedule.weekdays & 126) | ((p_schedule.weekdays & 1) << 7))::bigint);
    v_days := concat_ws(
        ' and ',
        case when v_listed <> 0
            then kronos.describe_field(kronos.cron_values(v_listed), 'day', 1, 31) || ' of the month'
        end,
        case when p_schedule.days > c_every_day then 'the last day of the month' end
    );
    return case
        when v_is_any_day and v_is_any_weekday then p_months
        when not p_schedule.both_days and (v_is_any_day or v_is_any_weekday) then p_months
        when v_is_any_day then ' on ' || kronos.english_list(v_weekdays, c_names) || p_months
        when v_is_any_weekday then ' on ' || v_days || p_months
        when p_schedule.both_days
            then ' on ' || v_days || p_months || ', only if it is ' || kronos.english_list(v_weekdays, c_names, 'or')
        else ' on ' || v_days || ' and also on ' || kronos.english_list(v_weekdays, c_names)
             || case p_months when '' then '' else ',' || p_months end
    end;
end
$$;
