-- describe_times: the minutes and hours of a schedule in words, e.g. "At 09:00", "Every 5 minutes", "Every
-- hour from 09:00 through 17:00".
-- p_is_daily: the schedule runs every day, so that hours around midnight may be described as one run, 22:00
-- through 06:00. On certain days only, a reader would take that for the following night, while the first
-- hours of the same days are meant.
create or replace function kronos.describe_times(p_minutes bigint, p_hours integer, p_is_daily boolean)
returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_minutes   constant integer[] := kronos.cron_values(p_minutes);
    v_hours     constant integer[] := kronos.cron_values(p_hours);
    v_in_hour   constant integer   := cardinality(v_minutes);
    v_in_day    constant integer   := cardinality(v_hours);
    v_times     constant integer   := v_in_hour * v_in_day;
    -- The distance of neighbors if it is always the same. An even division, 0, 5, ... 55, may be called
    -- "every 5 minutes" without its ends.
    v_per_hour  constant integer   := kronos.cron_step(v_minutes);
    v_per_day   constant integer   := kronos.cron_step(v_hours);
    v_is_even   constant boolean   := v_minutes[1] = 0 and v_per_hour * v_in_hour = 60;
    v_run       integer[] := case when p_is_daily then kronos.turned_run(v_hours, 0, 23) end;
    v_first     integer;
    v_last      integer;
begin
    v_run := coalesce(case when kronos.cron_step(v_run) = 1 then v_run end, v_hours);
    v_first := v_run[1];
    v_last := v_run[v_in_day];
    if v_is_even and v_times > 3 then
        return kronos.describe_every('minute', v_per_hour) || case
            when v_in_day = 24 then ''
            when v_last - v_first = v_in_day - 1
                then kronos.describe_span(v_first, 0, v_last, 60 - v_per_hour)
            else ' during ' || kronos.describe_field(v_hours, 'hour', 0, 23)
        end;
    elsif v_minutes = '{0}' and v_hours[1] = 0 and v_per_day * v_in_day = 24 and v_times > 3 then
        return kronos.describe_every('hour', v_per_day);
    elsif v_in_day = 1 and v_times > 3 and v_per_hour is not null then
        return kronos.describe_every('minute', v_per_hour)
               || kronos.describe_span(v_first, v_minutes[1], v_first, v_minutes[v_in_hour]);
    elsif v_in_hour = 1 and v_times between 4 and 23 and v_last - v_first = v_in_day - 1 then
        return kronos.describe_every('hour', 1)
               || kronos.describe_span(v_first, v_minutes[1], v_last, v_minutes[1]);
    elsif v_in_hour = 1 and v_times between 7 and 23 and v_per_day is not null then
        return kronos.describe_every('hour', v_per_day)
               || kronos.describe_span(v_first, v_minutes[1], v_last, v_minutes[1]);
    elsif v_times <= 3 or v_times <= 6 and (v_in_day = 1 or v_per_day is distinct from 1) then
        return 'At ' || kronos.english_join(array(
            select lpad(hour::text, 2, '0') || ':' || lpad(minute::text, 2, '0')
              from unnest(v_hours) as hour, unnest(v_minutes) as minute
          order by hour, minute
        ));
    end if;
    return 'At ' || kronos.describe_field(v_minutes, 'minute', 0, 59) || ' past '
           || kronos.describe_field(v_hours, 'hour', 0, 23);
end
$$;
