-- best_fold: the minutes of the hour at which to fold alarms (folded_alarms) so that pg_cron rings least
-- often: none, those whose own rings exceed the 48 a day of folded ones by a quarter, or all.
-- Returns: bits 0-59, 0 for none; and how often pg_cron rings for jobs per day, with no fold and with this
-- one.
create or replace function kronos.best_fold(out folded bigint, out rings_apart double precision,
                                            out rings_folded double precision)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_all constant bigint := 1152921504606846975;
begin
    with alarm as materialized (
        select kronos.alarm_minutes(live.alarm) as minutes, kronos.alarm_rings(live.alarm) as a_day
          from kronos.live_alarms() as live
    ), full_ones as materialized (
        select coalesce(bit_or(full_minute.minutes), 0) as minutes
          from (select alarm.minutes
                  from alarm
                 where bit_count(alarm.minutes::bit(64)) = 1
                 group by alarm.minutes
                having sum(alarm.a_day) > 48 * 1.25) as full_minute
    )
    select way.minutes, way.a_day, coalesce(apart.a_day, 0)
      into folded, rings_folded, rings_apart
      from full_ones
     cross join (select sum(alarm.a_day) as a_day from alarm) as apart
     cross join lateral (select ways.minutes,
                                48 * bit_count(ways.minutes::bit(64))
                                + (select coalesce(sum(alarm.a_day), 0)
                                     from alarm
                                    where ways.minutes = 0
                                       or alarm.minutes is null
                                       or alarm.minutes & ~ways.minutes <> 0) as a_day
                           from unnest(array[0, full_ones.minutes, c_all]) as ways (minutes)
                          order by 2, ways.minutes
                          limit 1) as way;
end
$$;
