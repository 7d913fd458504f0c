-- describe_times: the minutes and hours of a schedule in words, e.g. "At 09:00", "Every 5 minutes".
-- Called by: describe_schedule.
create or replace function kronos.describe_times(p_minutes bigint, p_hours integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_minutes  integer[] := kronos.cron_values(p_minutes);
    v_hours    integer[] := kronos.cron_values(p_hours);
    v_first    integer := v_hours[1];
    v_last     integer := v_hours[cardinality(v_hours)];
    v_in_a_row boolean := v_last - v_first + 1 = cardinality(v_hours);
    v_times    integer := cardinality(v_minutes) * cardinality(v_hours);
    -- The distance of an even division: 5 for 0, 5, ... 55, which may be called "every 5 minutes"; null for other lists.
    v_minute_step integer := case when v_minutes[1] = 0 then kronos.cron_step(v_minutes) end;
    v_hour_step   integer := case when v_hours[1] = 0 then kronos.cron_step(v_hours) end;
begin
    v_minute_step := case when v_minute_step * cardinality(v_minutes) = 60 then v_minute_step end;
    v_hour_step := case when v_hour_step * cardinality(v_hours) = 24 then v_hour_step end;
    if v_times <= 3 or (v_times <= 6 and v_minute_step is null and v_hour_step is null and not v_in_a_row) then
        return 'At ' || kronos.english_join(array(
            select lpad(hour::text, 2, '0') || ':' || lpad(minute::text, 2, '0')
              from unnest(v_hours) as hour, unnest(v_minutes) as minute
          order by hour, minute
        ));
    elsif v_minutes = '{0}' and v_hour_step is not null then
        return case v_hour_step when 1 then 'Every hour' else 'Every ' || v_hour_step || ' hours' end;
    elsif v_minute_step is null then
        return 'At ' || kronos.describe_field(v_minutes, 'minute', 0, 59)
               || ' past ' || kronos.describe_field(v_hours, 'hour', 0, 23);
    end if;
    return case v_minute_step when 1 then 'Every minute' else 'Every ' || v_minute_step || ' minutes' end || case
        when v_hour_step = 1 then ''
        when v_in_a_row then format(' from %s:00 through %s:%s', lpad(v_first::text, 2, '0'), lpad(v_last::text, 2, '0'),
                                    60 - v_minute_step)
        else ' during ' || kronos.describe_field(v_hours, 'hour', 0, 23)
    end;
end
$$;
