-- describe_schedule: a schedule in English, e.g. "At 09:00 on Monday". The text does not depend on how the
-- fields are written, and does not include the zone.
create or replace function kronos.describe_schedule(p_schedule kronos.schedule) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_names constant text[] :=
        '{January,February,March,April,May,June,July,August,September,October,November,December}'::text[];
    v_days text;
begin
    if p_schedule.every_seconds is not null then
        return kronos.describe_interval(p_schedule.every_seconds, p_schedule.anchor);
    elsif p_schedule.anchor_local is not null then
        return kronos.describe_calendar(p_schedule);
    end if;
    v_days := kronos.describe_days(
        p_schedule,
        case p_schedule.months
            when 8190 then ''
            else ' in ' || kronos.english_list(
                               kronos.turned_run(kronos.cron_values(p_schedule.months), 1, 12),
                               c_names || c_names)
        end
    );
    return kronos.describe_times(p_schedule.minutes, p_schedule.hours, v_days = '') || v_days;
end
$$;
