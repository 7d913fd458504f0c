-- earlier_that_day: the last minute up to p_upto, on the same day, that the hour and minute fields name; null
-- if there is none. Inlined, as later_that_day is.
create or replace function kronos.earlier_that_day(p_schedule kronos.schedule, p_upto timestamp)
returns timestamp
language sql immutable parallel safe
return case
    when (p_schedule.hours >> date_part('hour', p_upto)::integer) & 1 = 1
     and p_schedule.minutes & ((2::bigint << date_part('minute', p_upto)::integer) - 1) <> 0
        then date_trunc('hour', p_upto)
             + make_interval(mins => kronos.highest_bit(
                   p_schedule.minutes & ((2::bigint << date_part('minute', p_upto)::integer) - 1)))
    when p_schedule.hours & ((1 << date_part('hour', p_upto)::integer) - 1) <> 0
        then date_trunc('day', p_upto)
             + make_interval(hours => kronos.highest_bit(
                                 p_schedule.hours::bigint & ((1 << date_part('hour', p_upto)::integer) - 1)),
                             mins => kronos.highest_bit(p_schedule.minutes))
end;
