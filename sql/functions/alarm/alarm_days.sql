-- alarm_days: the days of the month, months and weekdays of a schedule's dates, shifted by each of p_shifts
-- days (-1, 0, 1).
-- Returns: bits, in pg_cron's terms: every day that L, W and # can mean.
--
-- Shifted back, the first of a month becomes the last of the month before. That is exact where the month is
-- known: 1 March becomes 28 and 29 February.
create or replace function kronos.alarm_days(p_schedule kronos.schedule, p_shifts integer[], out days bigint,
                                             out months integer, out weekdays integer)
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    -- the 13th entry is February again, with 28 days
    c_lengths    constant integer[] := '{31,29,31,30,31,30,31,31,30,31,30,31,28}'::integer[];
    v_weekdays   integer;
    v_month      integer;
    v_before     integer;
    v_all        bigint;
    v_days       bigint;    -- the days that the day-of-month field names
    v_dates      bigint;    -- the days on which a tick can fall
    v_shift      integer;
begin
    v_weekdays := kronos.alarm_weekdays(p_schedule);
    days := 0;
    months := 0;
    weekdays := 0;
    foreach v_shift in array p_shifts loop
        weekdays := weekdays | (127 & case v_shift
            when 1 then (v_weekdays << 1) | (v_weekdays >> 6)
            when -1 then (v_weekdays >> 1) | (v_weekdays << 6)
            else v_weekdays
        end);
        for i in 1 .. 13 loop
            v_month := case i when 13 then 2 else i end;
            continue when (p_schedule.months >> v_month) & 1 = 0;
            v_all := (2::bigint << c_lengths[i]) - 2;
            v_days := kronos.alarm_month_days(p_schedule, c_lengths[i]);
            v_dates := case when p_schedule.both_days or v_weekdays = 0 then v_days else v_all end;
            if v_shift = 1 then
                days := days | ((v_days << 1) & v_all) | (((v_days >> c_lengths[i]) & 1) << 1);
                months := months | ((((v_dates << 1) & v_all) <> 0)::integer << v_month)
                          | (((v_dates >> c_lengths[i]) & 1)::integer << (v_month % 12 + 1));
            elsif v_shift = -1 then
                v_before := (v_month + 10) % 12 + 1;
                days := days | ((v_days & -4) >> 1) | (((v_days >> 1) & 1) << c_lengths[v_before]);
                if v_before = 2 then
                    days := days | (((v_days >> 1) & 1) << 28);
                end if;
                months := months | (((v_dates & -4) <> 0)::integer << v_month)
                          | (((v_dates >> 1) & 1)::integer << v_before);
            else
                days := days | v_days;
                months := months | ((v_dates <> 0)::integer << v_month);
            end if;
        end loop;
    end loop;
    if (p_schedule.days & 4294967294) = 4294967294 then
        days := 4294967294;     -- "every day" stays "every day", whatever the months
    end if;
end
$$;
