-- next_local_tick: the calendar search. Finds the first local minute later than p_after that the schedule
-- names, by its fields or as a calendar interval. It ignores zones: p_after and the result are readings of
-- one wall clock that never jumps.
-- Returns: a whole minute; null if the fields name none within 41 years (29 February on a given weekday
-- recurs within 40), and outside the years 1 to 9999.
--
-- A month is one mask of its days, so that empty months, days and hours are never visited one by one.
create or replace function kronos.next_local_tick(p_schedule kronos.schedule, p_after timestamp)
returns timestamp
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_year   integer;
    v_last   integer;
    v_month  integer;
    v_months integer;
    v_today  integer;
    v_first  date;
    v_length integer;
    v_days   bigint;
    v_tick   timestamp;
begin
    if p_after < '0001-01-01' or p_after >= '10000-01-01' then
        return null;
    elsif p_schedule.anchor_local is not null then
        return kronos.next_calendar_reading(p_schedule.every_days, p_schedule.every_months,
                                            p_schedule.anchor_local, p_after);
    end if;
    v_year := date_part('year', p_after)::integer;
    v_month := date_part('month', p_after)::integer;
    v_last := least(v_year + 41, 9999);
    v_months := coalesce(p_schedule.months, 0) & (-1 << v_month);
    -- p_after's own day counts only while the search is in p_after's own month.
    v_today := case when (v_months >> v_month) & 1 = 1 then date_part('day', p_after)::integer else 0 end;
    loop
        if v_months = 0 then
            v_year := v_year + 1;
            if v_year > v_last or p_schedule.months is null then
                return null;
            end if;
            v_months := p_schedule.months;
            continue;
        end if;
        v_month := kronos.lowest_bit(v_months);
        v_first := make_date(v_year, v_month, 1);
        v_length := make_date(v_year + v_month / 12, v_month % 12 + 1, 1) - v_first;
        v_days := ((2::bigint << v_length) - 2)
                  & case when p_schedule.both_days
                         then kronos.dates_of_month(p_schedule, v_first, v_length)
                              & kronos.weekdays_of_month(p_schedule, v_first)
                         else kronos.dates_of_month(p_schedule, v_first, v_length)
                              | kronos.weekdays_of_month(p_schedule, v_first) end;
        if v_today > 0 then
            if (v_days >> v_today) & 1 = 1 then
                v_tick := kronos.later_that_day(p_schedule, p_after);
                if v_tick is not null then
                    return v_tick;
                end if;
            end if;
            v_days := v_days & (-2::bigint << v_today);
            v_today := 0;
        end if;
        if v_days <> 0 then
            return make_timestamp(v_year, v_month, kronos.lowest_bit(v_days),
                                  kronos.lowest_bit(p_schedule.hours),
                                  kronos.lowest_bit(p_schedule.minutes), 0);
        end if;
        v_months := v_months & (v_months - 1);
    end loop;
end
$$;
