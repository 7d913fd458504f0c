-- describe_schedule: a schedule in English, e.g. "At 09:00 on Monday"; equal schedules read alike however they are written.
-- Called by: queries/schedules.sql, queries/jobs.sql, ensure_internal_jobs.
create or replace function kronos.describe_schedule(p_schedule kronos.schedule) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_names constant text[] :=
        '{January,February,March,April,May,June,July,August,September,October,November,December}';
begin
    return kronos.describe_times(p_schedule.minutes, p_schedule.hours) || kronos.describe_days(
        p_schedule,
        case p_schedule.months
            when 8190 then ''
            else ' in ' || kronos.english_list(kronos.cron_values(p_schedule.months), c_names)
        end
    );
end
$$;
