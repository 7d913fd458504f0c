-- lint_nth_days: report weekdays that only some months have five of, days before the last for which some
-- months are too short, and W at the end of a month, where the nearest weekday of the month is not the
-- nearest of all.
create or replace function kronos.lint_nth_days(p_schedule kronos.schedule) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_days constant text[] := '{Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday}'::text[];
    c_months constant text[] :=
        '{January,February,March,April,May,June,July,August,September,October,November,December}'::text[];
    -- Months that end with day 28, 29, 30 or 31.
    c_ends constant integer[] := '{4,4,2640,5546}'::integer[];
    v_short integer;
    v_lints text[] := '{}'::text[];
begin
    for v_day in 0..6 loop
        if (p_schedule.nth_weekdays >> (28 + v_day)) & 1 = 1 then
            v_lints := v_lints || format(
                'only some months have a fifth %s: in the others it does not run; %sL is the last %s '
                'of every month', c_days[v_day + 1], v_day,
                c_days[v_day + 1]
            );
        end if;
    end loop;
    for v_day in 28..30 loop
        -- February, April, June, September, November
        v_short := p_schedule.months & case v_day when 30 then 2644 else 4 end;
        if ((p_schedule.days | p_schedule.nearest_days) >> (64 - v_day)) & 1 = 1 and v_short <> 0 then
            v_lints := v_lints || format(
                'L-%s is before the first day of %s: it does not run then', v_day,
                kronos.english_list(kronos.cron_values(v_short), c_months)
                    || case v_day when 28 then ', except in leap years' else '' end
            );
        end if;
    end loop;
    if (p_schedule.nearest_days >> 1) & 1 = 1 then
        v_lints :=
            v_lints || '1W stays in its month: where day 1 is a Saturday, it runs on Monday, day 3'::text;
    end if;
    for v_day in 28..31 loop
        if (p_schedule.nearest_days >> v_day) & 1 = 1 and p_schedule.months & c_ends[v_day - 27] <> 0 then
            v_lints := v_lints || format(
                '%sW stays in its month: where day %s is the last of its month and a Sunday, it runs on '
                'Friday, day %s', v_day, v_day, v_day - 2
            );
        end if;
    end loop;
    return v_lints;
end
$$;
