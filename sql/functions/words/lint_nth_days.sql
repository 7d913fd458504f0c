-- lint_nth_days: weekdays that only some months have five of, and W at a month's end, where the nearest weekday is not the nearest of all.
-- Called by: lint_schedule.   p_fields are the five texts of p_schedule.
create or replace function kronos.lint_nth_days(p_fields text[], p_schedule kronos.schedule) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_days constant text[] := '{Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday}';
    -- Months that end with day 28, 29, 30 or 31.
    c_ends constant integer[] := '{4,4,2640,5546}';
    v_lints text[] := '{}';
begin
    for v_day in 0..6 loop
        if (p_schedule.nth_weekdays >> (28 + v_day)) & 1 = 1 then
            v_lints := v_lints || format(
                'only some months have a fifth %s: in the others nothing runs for it; %sL is the last %s of every month', c_days[v_day + 1], v_day,
                c_days[v_day + 1]
            );
        end if;
    end loop;
    if (p_schedule.nearest_days >> 1) & 1 = 1 then
        v_lints := v_lints || '1W stays in its month: where day 1 is a Saturday, it runs on Monday, day 3'::text;
    end if;
    for v_day in 28..31 loop
        if (p_schedule.nearest_days >> v_day) & 1 = 1 and p_schedule.months & c_ends[v_day - 27] <> 0 then
            v_lints := v_lints || format(
                '%sW stays in its month: where day %s is the last of its month and a Sunday, it runs on Friday, day %s', v_day, v_day, v_day - 2
            );
        end if;
    end loop;
    return v_lints;
end
$$;
