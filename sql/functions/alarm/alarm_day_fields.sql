-- alarm_day_fields: pg_cron's day-of-month, month and weekday fields for sets of days.
-- Returns: three texts, combined by AND or OR according to pg_cron's star rule.
--
-- AND requires a field that begins with *. If neither set is full, one field gets a first item that stands
-- for its lowest value only: */31 is the 1st, */7 is Sunday.
create or replace function kronos.alarm_day_fields(p_days bigint, p_months integer, p_weekdays integer,
                                                   p_both boolean)
returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_days constant bigint := 4294967294;
    v_star text;
    v_day  text := '*';
    v_week text := '*';
begin
    if p_both then
        v_star := case
            when p_days in (0, c_days) or p_weekdays in (0, 127) then 'neither'
            when (p_days >> 1) & 1 = 1 then 'day'
            when p_weekdays & 1 = 1 then 'week'
            -- adds one day of the month on these weekdays, or one weekday on these days
            when bit_count(p_weekdays::bit(32)) <= bit_count(p_days::bit(64)) then 'day'
            else 'week'
        end;
    elsif p_days = c_days or p_weekdays = 127 then
        return array['*', kronos.cron_list(p_months, 1, 12), '*'];
    else
        v_star := case when 0 in (p_days, p_weekdays) then 'neither' else 'none' end;
    end if;
    if p_days not in (0, c_days) then
        v_day := kronos.cron_list(p_days, 1, 31, case v_star when 'day' then true when 'none' then false end);
    end if;
    if p_weekdays not in (0, 127) then
        v_week :=
            kronos.cron_list(p_weekdays, 0, 6, case v_star when 'week' then true when 'none' then false end);
    end if;
    return array[v_day, kronos.cron_list(p_months, 1, 12), v_week];
end
$$;
