-- run_hours: the runs in [p_from, p_to) of a schedule with calendars, as tick_hours has its ticks: those of
-- the ticks that no calendar closes, and those that are moved (rolled_hours).
create or replace function kronos.run_hours(
    p_workspace_id uuid, p_calendars text[], p_on_blackout text, p_schedule kronos.schedule,
    p_starts_at timestamptz, p_ends_at timestamptz, p_waits_from timestamptz[],
    p_from timestamptz, p_to timestamptz
) returns table (hour timestamptz, minutes bigint)
language sql stable rows 50 set search_path = pg_catalog, pg_temp
as $$
    select each.hour, masked.minutes
      from (select kronos.open_times(p_workspace_id, p_calendars, p_from, p_to) as times offset 0) as open
     cross join lateral kronos.schedule_hours(p_schedule, greatest(p_from, p_starts_at),
                                              least(p_to, p_ends_at)) as each
     cross join lateral (select each.minutes & kronos.open_minutes(open.times, each.hour) as minutes)
                            as masked
     where masked.minutes <> 0
     union all
    select each.hour, each.minutes
      from (select kronos.rolling_days(p_schedule, case p_on_blackout when 'NEXT' then 1 else -1 end,
                                       p_starts_at, p_ends_at, p_from, p_to) as days
             where p_on_blackout <> 'SKIP') as rolling
     cross join lateral kronos.rolled_hours(p_workspace_id, p_calendars, p_on_blackout, p_schedule,
                                            p_starts_at, p_ends_at, rolling.days, p_waits_from, p_from,
                                            p_to) as each
     where each.jobs > 0
$$;
