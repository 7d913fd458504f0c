-- schedule_hours: tick_hours for any schedule, including intervals of real time. Inlined.
create or replace function kronos.schedule_hours(p_schedule kronos.schedule, p_from timestamptz,
                                                 p_to timestamptz)
returns table (hour timestamptz, minutes bigint)
language sql stable rows 50
begin atomic
    select each.hour, each.minutes
      from kronos.tick_hours(p_schedule, p_from, p_to) as each
     where p_schedule.every_seconds is null
     union all
    select each.hour, each.minutes
      from kronos.interval_hours(p_schedule.every_seconds, p_schedule.anchor, p_from, p_to) as each
     where p_schedule.every_seconds is not null;
end;
