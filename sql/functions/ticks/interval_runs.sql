-- interval_runs: interval_hours with the number of ticks in each of the minutes. If p_seconds is less than a
-- minute and does not divide it, some minutes have one tick more than others: an hour then has a row for each
-- number. Inlined.
create or replace function kronos.interval_runs(p_seconds integer, p_first timestamptz, p_from timestamptz,
                                                p_to timestamptz)
returns table (hour timestamptz, minutes bigint, ticks bigint)
language sql stable rows 50
begin atomic
    select each.hour, each.minutes, (60 / least(p_seconds, 60))::bigint
      from kronos.interval_hours(p_seconds, p_first, p_from, p_to) as each
     where p_seconds >= 60 or 60 % p_seconds = 0
     union all
    select date_trunc('hour', minute.at, 'UTC'),
           bit_or(1::bigint << date_part('minute', minute.at at time zone 'UTC')::integer), counted.ticks
      from generate_series(date_trunc('minute', greatest(p_from, p_first), 'UTC'),
                           p_to - interval '1 microsecond', interval '1 minute') as minute (at)
     cross join lateral (
           select (ceil(extract(epoch from least(minute.at + interval '1 minute', p_to) - p_first)
                        / p_seconds)
                   - ceil(extract(epoch from greatest(minute.at, p_from, p_first) - p_first) / p_seconds)
                  )::bigint as ticks) as counted
     where not (p_seconds >= 60 or 60 % p_seconds = 0) and counted.ticks > 0
     group by 1, 3;
end;
