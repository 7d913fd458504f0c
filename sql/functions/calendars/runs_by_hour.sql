-- runs_by_hour: the runs in [p_from, p_to) of a schedule with calendars, in the form in which tick_hours
-- returns ticks: ticks that no calendar closes and that wait for no earlier one, and ticks that are moved
-- (moved_hours). p_open: the times in that span that the calendars leave open (open_times), which many
-- schedules share.
create or replace function kronos.runs_by_hour(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_waits_from timestamptz[], p_open tstzmultirange,
    p_from timestamptz, p_to timestamptz
) returns table (hour timestamptz, minutes bigint)
language sql stable rows 50 set search_path = pg_catalog, pg_temp
as $$
    select each.hour,
           coalesce(bit_or(each.minutes) filter (where each.jobs = 0), 0)
           & ~coalesce(bit_or(each.minutes) filter (where each.jobs < 0), 0)
           | coalesce(bit_or(each.minutes) filter (where each.jobs > 0), 0)
      from (select run.hour, run.minutes & kronos.open_minutes(p_open, run.hour) as minutes, 0 as jobs
              from kronos.schedule_hours(p_schedule, greatest(p_from, p_starts_at),
                                         least(p_to, p_ends_at)) as run
             union all
            select moved.hour, moved.minutes, moved.jobs
              from (select kronos.rolling_days(p_schedule, case p_on_blackout when 'NEXT' then 1 else -1 end,
                                               p_starts_at, p_ends_at, p_from, p_to) as days
                     where p_on_blackout <> 'SKIP') as rolling
             cross join lateral kronos.moved_hours(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                                   p_starts_at, p_ends_at, rolling.days, p_waits_from,
                                                   p_from, p_to) as moved
             where rolling.days <> '{}') as each
     where each.minutes <> 0
     group by each.hour
$$;
