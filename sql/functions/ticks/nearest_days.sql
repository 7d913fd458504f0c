-- nearest_days: the days of one month that 15W, LW, L-3 and L-3W name. W is, for each day of the mask, the
-- nearest day from Monday to Friday in the same month.
-- Returns: bit n for day n. A day that the month does not have names none.
--
-- L-n is bit 64 - n, so that shifting it to the end of the month gives the day. The day L itself, which the
-- sign bit drags along if L-1 is set, is masked away. A Saturday becomes the day before, or the 3rd if that
-- is in another month; a Sunday the day after, or else two days before. LW is W of the last day.
create or replace function kronos.nearest_days(p_schedule kronos.schedule, p_first date) returns bigint
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_last      constant integer := (p_first + interval '1 month')::date - p_first;
    v_bit       constant bigint  := 1::bigint << v_last;
    v_weekday   constant integer := extract(dow from p_first);
    v_before    constant bigint  := (coalesce(p_schedule.days, 0) >> (64 - v_last)) & (v_bit - 2);
    v_days      constant bigint  := (coalesce(p_schedule.nearest_days, 0) & (2 * v_bit - 2))
                                  | (((coalesce(p_schedule.days, 0) >> 33) & 1) << v_last)
                                  | ((coalesce(p_schedule.nearest_days, 0) >> (64 - v_last)) & (v_bit - 2));
    v_saturdays constant bigint  := v_days & ((1::bigint << (6 - v_weekday)) * 541098242);
    v_sundays   constant bigint  := v_days & ((1::bigint << (7 - v_weekday) % 7) * 541098242);
begin
    return v_before
         | (v_days & ~(v_saturdays | v_sundays))
         | ((v_saturdays & ~2::bigint) >> 1) | ((v_saturdays & 2) << 2)
         | ((v_sundays & ~v_bit) << 1) | ((v_sundays & v_bit) >> 2);
end
$$;
