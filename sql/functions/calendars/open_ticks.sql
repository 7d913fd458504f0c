-- open_ticks: the first p_limit ticks of a schedule in [p_from, p_to) that none of the calendars closes. The
-- calendars are read once (open_times), and the schedule by the hour or the interval: a week of every minute
-- is 168 rows, not 10,080 lookups.
-- Returns: ticks, ascending.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.open_ticks(p_workspace_id uuid, p_calendars text[],
                                             p_schedule kronos.schedule, p_from timestamptz,
                                             p_to timestamptz, p_limit integer)
returns setof timestamptz
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
as $$
declare
    v_open  tstzmultirange;
    v_first timestamptz;
begin
    if p_from >= p_to then
        return;
    end if;
    v_open := case when p_calendars = '{}' then tstzmultirange(tstzrange(p_from, p_to))
                   else kronos.open_times(p_workspace_id, p_calendars, p_from, p_to) end;
    if p_schedule.every_seconds is null then
        return query
            select tick.at
              from kronos.tick_hours(p_schedule, p_from, p_to) as each
             cross join generate_series(0, 59) as minute
             cross join lateral (select each.hour + minute * interval '1 minute' as at) as tick
             where each.minutes >> minute & 1 = 1 and tick.at <@ v_open
             order by tick.at
             limit p_limit;
        return;
    end if;
    v_first := kronos.next_tick(p_schedule, p_from - interval '1 microsecond');
    return query
        select tick.at
          from generate_series(v_first, p_to - interval '1 microsecond',
                               make_interval(secs => p_schedule.every_seconds)) as tick (at)
         where tick.at <@ v_open
         order by tick.at
         limit p_limit;
end
$$;
