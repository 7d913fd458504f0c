-- dates_of_month: the days of one month that the day-of-month field names: bit n for day n, even beyond the
-- end of the month. p_first is the month's first day, p_length its number of days. Inlined, as next_tick is.
create or replace function kronos.dates_of_month(p_schedule kronos.schedule, p_first date, p_length integer)
returns bigint
language sql immutable parallel safe
return p_schedule.days
     | (((p_schedule.days >> 32) & 1) << p_length)      -- '$' is the last of them
     | case when p_schedule.days >> 33 <> 0 or p_schedule.nearest_days <> 0
            then kronos.nearest_days(p_schedule, p_first) else 0 end;
