-- interval_hours: tick_hours for an interval of real time: every p_seconds from p_anchor on. An interval of
-- less than a minute has a tick in every minute.
create or replace function kronos.interval_hours(p_seconds integer, p_anchor timestamptz, p_from timestamptz,
                                                 p_to timestamptz)
returns table (hour timestamptz, minutes bigint)
language sql stable rows 50 set search_path = pg_catalog, pg_temp
as $$
    -- an interval that divides an hour has the same minutes in each hour
    with alike as materialized (
        select sum(1::bigint << each.minute) as minutes
          from generate_series(0, 59) as each (minute)
         where 3600 % p_seconds = 0
           and (p_seconds < 60
                or (each.minute * 60 - (extract(epoch from p_anchor)::bigint % 3600)) % p_seconds = 0)
    ), since as materialized (
        select kronos.next_interval_tick(p_seconds, p_anchor, p_from - interval '1 microsecond') as at
    )
    select each.hour,
           kronos.minutes_within(alike.minutes::bigint, each.hour, since.at, p_to)
      from since
     cross join alike
     cross join generate_series(date_trunc('hour', since.at, 'UTC'), p_to - interval '1 microsecond',
                                interval '1 hour') as each (hour)
     where 3600 % p_seconds = 0
     union all
    select date_trunc('hour', each.tick, 'UTC'),
           bit_or(1::bigint << date_part('minute', each.tick at time zone 'UTC')::integer)
      from since
     cross join generate_series(since.at, p_to - interval '1 microsecond',
                                greatest(p_seconds, 60) * interval '1 second') as each (tick)
     where 3600 % p_seconds <> 0
     group by 1
$$;
