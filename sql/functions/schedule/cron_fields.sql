-- cron_fields: the five fields of a cron text, macros expanded, blanks gone, ? as *; what else stands in the fields is not looked at.
-- Called by: parse_cron, alarm_fields, lint_schedule, read_instant.
-- Returns: exactly five non-empty texts: minute, hour, day of month, month, weekday.
-- Raises: KR001 with a hint.
create or replace function kronos.cron_fields(p_cron text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_order constant text := 'write five fields: minute, hour, day of month, month, weekday';
    v_text  text;
    v_count integer;
begin
    if length(p_cron) > kronos.cron_length() then
        raise sqlstate 'KR001' using
            message = format('cron text: %s characters are too long, %s are allowed', length(p_cron), kronos.cron_length()),
            hint = 'shorten lists with ranges and steps, e.g. */5';
    elsif btrim(p_cron, e' \t\r\n') ~ '[^ -~\t]' then
        raise sqlstate 'KR001' using
            message = format(
                'cron text: U+%s is not allowed',
                upper(lpad(to_hex(ascii(substring(btrim(p_cron, e' \t\r\n') from '[^ -~\t]'))), 4, '0'))
            ),
            hint = 'write printable ASCII characters, blanks and tabs only';
    end if;
    v_text := kronos.cron_text(p_cron);
    if v_text is null then
        v_text := btrim(p_cron, e' \t\r\n');
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
    return kronos.split_cron(v_text);
end
$$;
