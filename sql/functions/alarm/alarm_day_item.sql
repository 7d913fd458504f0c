-- alarm_day_item: the days of the month that L, LW, 15W, L-3 or L-3W can mean, whatever the month's length
-- and first weekday.
-- Returns: a range or a single day, with no day that is impossible.
create or replace function kronos.alarm_day_item(p_item text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_day    constant integer := (regexp_match(p_item, '^([0-9]+)W$', 'i'))[1]::integer;
    v_before constant integer := (regexp_match(p_item, '^L-([0-9]+)W?$', 'i'))[1]::integer;
    v_first  integer := greatest(28 - v_before, 1);
    v_last   integer := 31 - v_before;
begin
    if v_before is not null then
        if p_item ~* 'W$' then
            v_last := case v_first when 1 then greatest(v_last + 1, 3) else v_last + 1 end;
            v_first := greatest(v_first - 1, 1);
        end if;
        return v_first || case when v_last > v_first then '-' || v_last else '' end;
    end if;
    return case
        when p_item ~* '^LW$' then '26-31'
        when v_day is null    then '28-31'
        -- A Saturday gives the day before, a Sunday the day after; at the ends of the month it is the other
        -- direction, two days away.
        when v_day = 1        then '1-3'
        when v_day < 28       then format('%s-%s', v_day - 1, v_day + 1)
        when v_day = 28       then '26-29'
        when v_day = 29       then '27-30'
        when v_day = 30       then '28-31'
        else '29-31'
    end;
end
$$;
