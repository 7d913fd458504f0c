-- is_cron: whether parse_cron accepts a text. Hints check a text with it before they advise it.
create or replace function kronos.is_cron(p_cron text) returns boolean
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields   constant text[] := kronos.split_cron(kronos.cron_text(p_cron));
    v_schedule kronos.schedule;
begin
    if length(p_cron) > kronos.cron_length()
    or p_cron ~ '[^ -~\t]'
    or cardinality(v_fields) <> 5
    or v_fields is null then
        return false;
    end if;
    v_schedule := kronos.parse_cron_fields(v_fields, false);
    return num_nulls(v_schedule.minutes, v_schedule.hours, v_schedule.days, v_schedule.months,
                     v_schedule.weekdays) = 0;
end
$$;
