-- weekdays_of_month: the days of one month that the weekday field names: bit n for day n, even beyond the end
-- of the month. The seven weekday bits are rotated so that the 1st comes first (0001-01-07 was a Sunday), and
-- repeated five times, from bit 1. Inlined, as next_tick is.
create or replace function kronos.weekdays_of_month(p_schedule kronos.schedule, p_first date) returns bigint
language sql immutable parallel safe
return ((((p_schedule.weekdays | (p_schedule.weekdays << 7)) >> (p_first - '0001-01-07'::date + 7) % 7) & 127)
        * 541098242::bigint)
     | case when p_schedule.nth_weekdays <> 0 or p_schedule.last_weekdays <> 0
            then kronos.nth_weekdays(p_schedule, p_first) else 0 end;
