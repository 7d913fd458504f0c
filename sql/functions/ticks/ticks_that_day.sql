-- ticks_that_day: how many minutes from p_first, which is one of them, up to p_upto, on the same day, the
-- hour and minute fields name. Inlined, as later_that_day is.
create or replace function kronos.ticks_that_day(p_schedule kronos.schedule, p_first timestamp,
                                                 p_upto timestamp)
returns bigint
language sql immutable parallel safe
return bit_count(p_schedule.minutes::bit(64))      -- in each whole hour from p_first's on
       * bit_count((p_schedule.hours & ((1 << date_part('hour', p_upto)::integer)
                                        - (1 << date_part('hour', p_first)::integer)))::bit(32))
       - bit_count((p_schedule.minutes & ((1::bigint << date_part('minute', p_first)::integer) - 1))::bit(64))
       + case when (p_schedule.hours >> date_part('hour', p_upto)::integer) & 1 = 1
              then bit_count((p_schedule.minutes
                              & ((2::bigint << date_part('minute', p_upto)::integer) - 1))::bit(64))
              else 0 end;
