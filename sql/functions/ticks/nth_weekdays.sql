-- nth_weekdays: the days of one month that 5#2 (its second Friday) and 5L (its last Friday) name.
-- Returns: bit n for day n, even beyond the end of the month.
create or replace function kronos.nth_weekdays(p_schedule kronos.schedule, p_first date) returns bigint
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_week integer;
    v_turn integer := extract(dow from p_first);            -- the weekday of the first of seven days
    v_from integer := (p_first + interval '1 month')::date - p_first - 6;
    v_days bigint := 0;
begin
    for v_nth in 0..4 loop
        v_week := (coalesce(p_schedule.nth_weekdays, 0) >> 7 * v_nth) & 127;
        -- the bits are rotated by it
        v_days := v_days | ((((v_week | (v_week << 7)) >> v_turn) & 127)::bigint << (7 * v_nth + 1));
    end loop;
    v_week := coalesce(p_schedule.last_weekdays, 0);
    v_turn := (v_turn + v_from - 1) % 7;
    return v_days | ((((v_week | (v_week << 7)) >> v_turn) & 127)::bigint << v_from);
end
$$;
