-- parse_cron: parses a cron text into bit masks. The dialect is what pg_cron 1.4.2 and 1.6 both accept with
-- the same meaning, plus what they lack: L, W, #, ? and ranges that wrap around.
-- Returns: minutes bit 0-59, hours bit 0-23, days bit 1-31, bit 32 for $ and L (the month's last day), bit 33
-- for LW (its last weekday, Monday to Friday), bit 64 - n for L-n, months bit 1-12, weekdays bit 0-6 (7 is
-- folded into 0 = Sunday), both_days: day and weekday must both match; nearest_days bit n for nW, bit 64 - n
-- for L-nW, nth_weekdays bit 7 * (n - 1) + weekday for weekday#n, last_weekdays bit 0-6 for weekdayL.
-- Raises: KR001; the message names the field and the value, the hint says what to write instead.
--
-- both_days is pg_cron's star rule: AND if either day field begins with *, even as */2; otherwise OR, even
-- for 1-31. ? on its own is *.
create or replace function kronos.parse_cron(p_cron text) returns kronos.schedule
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_schedule kronos.schedule := kronos.parse_cron_fields(kronos.cron_fields(p_cron), true);
begin
    v_schedule.timezone := 'UTC';
    v_schedule.dst_gap := 'SHIFT';
    v_schedule.dst_overlap := 'FIRST';
    return v_schedule;
end
$$;
