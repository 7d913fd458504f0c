-- alarm_weekdays: the weekdays on which the weekday field can match: 5#2 and 5L are Fridays.
-- Returns: bits 0-6.
create or replace function kronos.alarm_weekdays(p_schedule kronos.schedule) returns integer
language sql immutable parallel safe
return p_schedule.weekdays | p_schedule.last_weekdays
     | ((p_schedule.nth_weekdays | (p_schedule.nth_weekdays >> 7) | (p_schedule.nth_weekdays >> 14)
         | (p_schedule.nth_weekdays >> 21) | (p_schedule.nth_weekdays >> 28)) & 127)::integer;
