-- alarm_month_days: the days that the day-of-month field can name in a month of p_length days, whatever their
-- weekdays: L is the last day, LW one of the last three, 15W one of 14 to 16, L-3 the third day before the
-- last.
-- Returns: bits 1-31.
create or replace function kronos.alarm_month_days(p_schedule kronos.schedule, p_length integer)
returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_all  constant bigint := (2::bigint << p_length) - 2;
    v_old  constant bigint := v_all & ~(1::bigint << p_length);       -- all but the last
    v_near constant bigint :=
        (p_schedule.nearest_days & v_all) | ((p_schedule.nearest_days >> (64 - p_length)) & v_old);
begin
    return v_all & (
        p_schedule.days
        | ((p_schedule.days >> (64 - p_length)) & v_old)
        | (((p_schedule.days >> 32) & 1) << p_length)
        | ((((p_schedule.days >> 33) & 1) * 7) << (p_length - 2))
        | v_near | (v_near << 1) | (v_near >> 1)
        | (((v_near >> 1) & 1) << 3)                        -- Saturday the 1st: Monday the 3rd
        | (((v_near >> p_length) & 1) << (p_length - 2))    -- Sunday, the last: the Friday before
    );
end
$$;
