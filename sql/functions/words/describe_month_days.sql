-- describe_month_days: the days that a schedule's day-of-month field names, in words, each ending in "of the
-- month": "days 1 and 15 of the month and the last day of the month".
--
-- W is described literally, as Monday through Friday, not as a working day: holidays are not known here.
create or replace function kronos.describe_month_days(p_schedule kronos.schedule) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_every_day constant bigint := 4294967294;     -- bits 1-31
    v_listed  bigint := p_schedule.days & c_every_day;
    v_nearest bigint := coalesce(p_schedule.nearest_days, 0) & c_every_day & ~2::bigint;
    v_before  text   := kronos.describe_before_last(p_schedule.days);
    v_near    text   := kronos.describe_before_last(p_schedule.nearest_days);
    v_words   text[] := '{}'::text[];
begin
    if v_listed <> 0 then
        v_words :=
            v_words || (kronos.describe_field(kronos.cron_values(v_listed), 'day', 1, 31) || ' of the month');
    end if;
    if (p_schedule.nearest_days >> 1) & 1 = 1 then
        v_words := v_words || 'the first weekday (Monday through Friday) of the month'::text;
    end if;
    if v_nearest <> 0 then
        v_words := v_words || (case bit_count(v_nearest::bit(64))
            when 1 then 'the weekday (Monday through Friday) nearest day '
            else 'the weekdays (Monday through Friday) nearest days '
        end || kronos.english_list(kronos.cron_values(v_nearest)) || ' of the month');
    end if;
    if v_near is not null then
        v_words := v_words || (case when v_near like '%days before%'
                                    then 'the weekdays (Monday through Friday) nearest '
                                    else 'the weekday (Monday through Friday) nearest ' end || v_near);
    end if;
    if v_before is not null then
        v_words := v_words || v_before;
    end if;
    if (p_schedule.days >> 32) & 1 = 1 then
        v_words := v_words || 'the last day of the month'::text;
    end if;
    if (p_schedule.days >> 33) & 1 = 1 then
        v_words := v_words || 'the last weekday (Monday through Friday) of the month'::text;
    end if;
    return kronos.english_join(v_words);
end
$$;
