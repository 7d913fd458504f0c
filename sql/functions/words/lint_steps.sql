-- lint_steps: report steps that do not continue across the end of the hour, day, month, year or week, and a
-- minute field left at *. p_fields are the five texts of p_schedule.
--
-- A step is reported only if the following period has ticks too: */7 9 * * * is every 7 minutes while it
-- lasts.
create or replace function kronos.lint_steps(p_fields text[], p_schedule kronos.schedule) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_every_day constant bigint := 4294967294;     -- bits 1-31
    v_hours    integer := p_schedule.hours;
    v_days     bigint := p_schedule.days & c_every_day;
    v_weekdays integer := p_schedule.weekdays;
    v_is_any_day     boolean := v_days = c_every_day;
    v_is_any_weekday boolean := v_weekdays = 127;
    -- Whether a named hour, day or month is followed by another named one.
    v_next_hour  boolean := v_hours & (v_hours >> 1) <> 0;
    v_next_day   boolean := (v_is_any_day or v_days & (v_days >> 1) <> 0)
                            and (v_is_any_weekday
                                 or v_weekdays & ((v_weekdays >> 1) | (v_weekdays << 6)) & 127 <> 0);
    v_next_month boolean := p_schedule.months & ((p_schedule.months >> 1) | (p_schedule.months << 11))
                            & 8190 <> 0;
begin
    return array_remove(array[
        case when p_fields[1] in ('*', '*/1')
              and p_fields[2] ~ '^(\d+|\*/([2-9]|[12]\d))(,(\d+|\*/([2-9]|[12]\d)))*$'
            then 'every minute of the hours that it names: 60 runs in each; for one run in each write 0 in '
                 'the minute field, 0 '
                 || array_to_string(p_fields[2:], ' ')
        end,
        case when v_next_hour
             then kronos.lint_step(p_fields[1], 'minute', 'minute', 0, 59, 'of the next hour') end,
        case when v_next_day then kronos.lint_step(p_fields[2], 'hour', 'hour', 0, 23, 'of the next day') end,
        case when v_next_month and v_is_any_weekday
             then kronos.lint_step(p_fields[3], 'day of month', 'day', 1, 31, 'of the next month') end,
        kronos.lint_step(p_fields[4], 'month', 'month', 1, 12, 'of the next year'),
        case when v_is_any_day
             then kronos.lint_step(p_fields[5], 'weekday', 'day', 0, 6, 'of the next week') end
    ], null);
end
$$;
