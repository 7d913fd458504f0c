-- describe_cron: a cron text in English, e.g. "At 09:00 on Monday"; equal schedules read alike however they are written.
-- Called by: views/job_details.sql, the preview.
-- Raises: KR001 as parse_cron does.
create or replace function kronos.describe_cron(p_cron text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_names constant text[] :=
        '{January,February,March,April,May,June,July,August,September,October,November,December}';
    v_schedule kronos.schedule := kronos.parse_cron(p_cron);
begin
    return kronos.describe_times(v_schedule.minutes, v_schedule.hours) || kronos.describe_days(
        v_schedule,
        case v_schedule.months
            when 8190 then ''
            else ' in ' || kronos.english_list(kronos.cron_values(v_schedule.months), c_names)
        end
    );
end
$$;
