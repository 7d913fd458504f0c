-- parse_cron: a cron text as bit masks, in the dialect that pg_cron 1.4.2 and 1.6 both accept and mean alike, and what they lack: L, W and #.
-- Called by: queries/jobs.sql and ensure_internal_jobs, where a job is stored; alarm, describe_schedule; the preview.
-- Returns: minutes bit 0-59, hours bit 0-23, days bit 1-31, bit 32 for $ and L (the month's last), bit 33 for LW (its last from Monday to Friday),
--          months bit 1-12, weekdays bit 0-6 (7 is folded into 0 = Sunday), both_days: day and weekday must both match; nearest_days bit n for nW,
--          nth_weekdays bit 7 * (n - 1) + weekday for weekday#n, last_weekdays bit 0-6 for weekdayL.
-- Raises: KR001; the message names the field and the value, the hint says what to write instead.
--
-- both_days is pg_cron's star rule: AND as soon as either day field begins with *, even as */2; else OR, even for 1-31.
create or replace function kronos.parse_cron(p_cron text) returns kronos.schedule
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields   text[] := kronos.cron_fields(p_cron);
    v_schedule kronos.schedule;
    v_field    record;
begin
    v_schedule.minutes := kronos.parse_cron_field(v_fields[1], 'minute', 0, 59);
    v_schedule.hours := kronos.parse_cron_field(v_fields[2], 'hour', 0, 23);
    v_field := kronos.parse_day_field(v_fields[3], 'day of month', 1, 31, '{}');
    v_schedule.days := v_field.p_plain;
    v_schedule.nearest_days := v_field.p_special;
    v_schedule.months := kronos.parse_cron_field(v_fields[4], 'month', 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
    v_field := kronos.parse_day_field(v_fields[5], 'weekday', 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
    v_schedule.weekdays := (v_field.p_plain | (v_field.p_plain >> 7)) & 127;
    v_schedule.nth_weekdays := v_field.p_special & ((1::bigint << 35) - 1);
    v_schedule.last_weekdays := v_field.p_special >> 35;
    v_schedule.both_days := starts_with(v_fields[3], '*') or starts_with(v_fields[5], '*');
    v_schedule.every_hour := starts_with(v_fields[2], '*');
    v_schedule.timezone := 'UTC';
    v_schedule.dst_gap := 'SHIFT';
    v_schedule.dst_overlap := 'FIRST';
    return v_schedule;
end
$$;
