-- describe_weekdays: the days that a schedule's weekday field names, in words: "Monday through Friday", "the
-- second Friday of the month". p_join is the word before the last of several.
create or replace function kronos.describe_weekdays(p_schedule kronos.schedule, p_join text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_names constant text[] := '{Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday}'::text[];
    c_nth   constant text[] := '{first,second,third,fourth,fifth}'::text[];
    v_nth   bigint := coalesce(p_schedule.nth_weekdays, 0);
    v_last  integer := coalesce(p_schedule.last_weekdays, 0);
    v_words text[];
begin
    -- A week is described from Monday on, with Sunday as its 7th day, unless a run crosses its end: Friday
    -- through Monday.
    v_words := kronos.english_items(
        kronos.turned_run(
            kronos.cron_values(((p_schedule.weekdays & 126) | ((p_schedule.weekdays & 1) << 7))::bigint), 1, 7
        ),
        c_names || c_names
    );
    if v_nth = 0 and v_last = 0 then
        return kronos.english_join(v_words, p_join);
    end if;
    for v_n in 1..5 loop
        for v_day in 1..7 loop
            if (v_nth >> (7 * (v_n - 1) + v_day % 7)) & 1 = 1 then
                v_words := v_words || format('the %s %s', c_nth[v_n], c_names[v_day]);
            end if;
        end loop;
    end loop;
    for v_day in 1..7 loop
        if (v_last >> v_day % 7) & 1 = 1 then
            v_words := v_words || ('the last ' || c_names[v_day]);
        end if;
    end loop;
    return kronos.english_join(v_words, p_join) || ' of the month';
end
$$;
