-- later_that_day: the first minute later than p_after, on the same day, that the hour and minute fields name;
-- null if none is left. Inlined, as next_tick is.
create or replace function kronos.later_that_day(p_schedule kronos.schedule, p_after timestamp)
returns timestamp
language sql immutable parallel safe
return case
    when (p_schedule.hours >> date_part('hour', p_after)::integer) & 1 = 1
     and p_schedule.minutes & (-2::bigint << date_part('minute', p_after)::integer) <> 0
        then date_trunc('hour', p_after)
             + make_interval(mins => kronos.lowest_bit(
                   p_schedule.minutes & (-2::bigint << date_part('minute', p_after)::integer)))
    when p_schedule.hours & (-2 << date_part('hour', p_after)::integer) <> 0
        then date_trunc('day', p_after)
             + make_interval(hours => kronos.lowest_bit(
                                 p_schedule.hours & (-2 << date_part('hour', p_after)::integer)),
                             mins => kronos.lowest_bit(p_schedule.minutes))
end;
