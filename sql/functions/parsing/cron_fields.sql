-- cron_fields: the five fields of a cron text, with macros expanded, surrounding blanks removed and ?
-- replaced by *. Does not check what is in the fields.
-- Returns: exactly five non-empty texts: minute, hour, day of month, month, weekday.
-- Raises: KR001 with a hint.
create or replace function kronos.cron_fields(p_cron text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed constant text := btrim(p_cron, e' \t\r\n');
    v_text    constant text := kronos.cron_text(p_cron);
    v_strange constant text := substring(v_trimmed from '[^ -~\t]');
    v_fields  constant text[] := kronos.split_cron(v_text);
    v_plain   text;    -- with a word processor's dashes, blanks and stars in ASCII
begin
    if length(p_cron) > kronos.cron_length() then
        raise sqlstate 'KR001' using
            message = format('cron text: %s characters; at most %s are allowed',
                             length(p_cron), kronos.cron_length()),
            hint = coalesce(kronos.cron_line_hint(left(v_trimmed, 1000)),
                            'Shorten lists with ranges and steps: */5 is one item.');
    elsif v_strange is not null then
        v_plain := translate(v_trimmed,
                             e'\u2010\u2011\u2012\u2013\u2014\u2212\u00a0\u2009\u202f\u2217\uff0a\u00d7',
                             '------   ***');
        raise sqlstate 'KR001' using
            message = format('cron text: U+%s is not allowed', upper(lpad(to_hex(ascii(v_strange)), 4, '0'))),
            hint = case
                when kronos.is_cron(v_plain) then format('Write %s in plain ASCII.', v_plain)
                else coalesce(kronos.cron_line_hint(v_trimmed),
                              'Use only printable ASCII characters, spaces and tabs.')
            end;
    elsif v_text is null then
        raise sqlstate 'KR001' using
            message = format('cron text: unknown macro "%s"', v_trimmed),
            hint = kronos.cron_text_hint(v_trimmed);
    elsif v_trimmed ~* '^((cron_)?tz=|["''`]|cron\()' then
        raise sqlstate 'KR001' using
            message = format('cron text: %s has text around its fields', v_trimmed),
            hint = kronos.cron_text_hint(v_trimmed);
    elsif coalesce(cardinality(v_fields), 0) <> 5 then
        raise sqlstate 'KR001' using
            message = format(
                'cron text: "%s" has %s, not five', v_text,
                coalesce(cardinality(v_fields), 0)
                    || case cardinality(v_fields) when 1 then ' field' else ' fields' end
            ),
            hint = kronos.cron_text_hint(v_trimmed);
    end if;
    return v_fields;
end
$$;
