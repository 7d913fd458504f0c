-- cron_fields: the five fields of a cron text, macros expanded, blanks gone; what stands in the fields is not looked at.
-- Called by: parse_cron, alarm_fields, lint_schedule.
-- Returns: exactly five non-empty texts: minute, hour, day of month, month, weekday.
-- Raises: KR001 with a hint.
create or replace function kronos.cron_fields(p_cron text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_order constant text := 'write five fields: minute, hour, day of month, month, weekday';
    v_text  text;
    v_macro text;
    v_count integer;
begin
    if length(p_cron) > 200 then
        raise sqlstate 'KR001' using
            message = format('cron text: %s characters are too long, 200 are allowed', length(p_cron)),
            hint = 'shorten lists with ranges and steps, e.g. */5';
    elsif p_cron ~ '[^ -~\t]' then
        raise sqlstate 'KR001' using
            message = format(
                'cron text: U+%s is not allowed', upper(lpad(to_hex(ascii(substring(p_cron from '[^ -~\t]'))), 4, '0'))
            ),
            hint = 'write printable ASCII characters, blanks and tabs only';
    end if;
    v_text := btrim(p_cron, e' \t');
    if starts_with(v_text, '@') then
        v_macro := case v_text
            when '@hourly'   then '0 * * * *'
            when '@daily'    then '0 0 * * *'
            when '@midnight' then '0 0 * * *'
            when '@weekly'   then '0 0 * * 0'
            when '@monthly'  then '0 0 1 * *'
            when '@yearly'   then '0 0 1 1 *'
            when '@annually' then '0 0 1 1 *'
        end;
        if v_macro is null then
            raise sqlstate 'KR001' using
                message = format('cron text: macro "%s" is not known', v_text),
                hint = case
                    when v_text ~* '^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$'
                        then 'macros are lower case: write ' || lower(v_text collate "C")
                    when v_text ~* '^@(reboot|restart)'
                        then 'a schedule names times; to run once now, create an IMMEDIATE job'
                    when v_text ~* '^@every'
                        then 'write a step, e.g. */5 * * * * for every five minutes'
                    else 'write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually, or five fields'
                end;
        end if;
        v_text := v_macro;
    end if;
    v_count := case v_text when '' then 0 else regexp_count(v_text, '[^ \t]+') end;
    if v_count <> 5 then
        raise sqlstate 'KR001' using
            message = format(
                'cron text: "%s" has %s, not five', v_text, v_count || case v_count when 1 then ' field' else ' fields' end
            ),
            hint = case
                when v_count in (6, 7) then c_order || '; there is no field for seconds or years'
                when v_text ~* 'second'  then c_order || '; a minute is the shortest interval'
                else c_order
            end;
    end if;
    return regexp_split_to_array(v_text, '[ \t]+');
end
$$;
