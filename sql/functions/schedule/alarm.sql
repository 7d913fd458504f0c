-- alarm: the pg_cron schedule that rings at least at each tick of a cron text; rings in between find nothing due.
-- Called by: queries/jobs.sql and ensure_internal_jobs, where a job is stored.
-- Returns: five fields separated by one blank. Where cron.timezone is not UTC: every minute, the widest superset.
-- Raises: KR001 as parse_cron does.
--
-- $ becomes 28-31, for pg_cron has it only from 1.6 on. That stays a superset under the star rule: an item begins
-- with * neither before nor after the change, so AND stays AND and OR stays OR, over a larger set of days.
create or replace function kronos.alarm(p_cron text, p_schedule kronos.schedule) returns text
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields text[];
begin
    if p_cron is null or not kronos.is_utc_zone(p_schedule.timezone) or not kronos.is_utc_zone(kronos.cron_timezone()) then
        return '* * * * *';
    end if;
    v_fields := kronos.cron_fields(p_cron);
    v_fields[3] := replace(v_fields[3], '$', '28-31');
    return array_to_string(v_fields, ' ');
end
$$;
