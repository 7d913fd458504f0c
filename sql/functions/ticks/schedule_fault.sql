-- schedule_fault: what is wrong with a stored schedule that kronos.read_schedule could not have produced: it
-- was written by hand, or damaged on a disk.
-- Returns: null if the schedule can be read.
create or replace function kronos.schedule_fault(p_schedule kronos.schedule) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_schedule.every_seconds is not null then
        if p_schedule.every_seconds < 1
        or p_schedule.anchor is null
        or p_schedule.anchor <> kronos.finite(p_schedule.anchor) then
            return format('its interval is invalid: every_seconds %s, anchor %s',
                          p_schedule.every_seconds, coalesce(p_schedule.anchor::text, 'null'));
        end if;
    elsif p_schedule.anchor_local is not null then
        if num_nonnulls(p_schedule.every_days, p_schedule.every_months) <> 1
            or least(p_schedule.every_days, p_schedule.every_months) < 1
           or p_schedule.anchor_local < '0001-01-01' or p_schedule.anchor_local >= '10000-01-01' then
            return format('its interval is invalid: every_days %s, every_months %s, anchor %s',
                          coalesce(p_schedule.every_days::text, 'null'),
                          coalesce(p_schedule.every_months::text, 'null'), p_schedule.anchor_local);
        end if;
    elsif num_nulls(p_schedule.minutes, p_schedule.hours, p_schedule.days, p_schedule.months,
                    p_schedule.weekdays, p_schedule.both_days) > 0 then
        return 'its schedule has null fields';
    elsif p_schedule.minutes not between 1 and (1::bigint << 60) - 1 then
        return format('its schedule names no valid minutes: mask %s', p_schedule.minutes);
    elsif p_schedule.hours not between 1 and (1 << 24) - 1 then
        return format('its schedule names no valid hours: mask %s', p_schedule.hours);
    elsif p_schedule.months not between 2 and 8190 then
        return format('its schedule names no valid months: mask %s', p_schedule.months);
    end if;
    perform kronos.next_tick(p_schedule, kronos.now());
    return null;
exception when data_exception then
    return format('its schedule cannot be read: %s (%s)', sqlerrm, sqlstate);
end
$$;
