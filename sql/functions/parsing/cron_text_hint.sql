-- cron_text_hint: the hint for a text that is neither five fields nor a macro, because it has a zone, a
-- command, seconds or quotes, or is an interval. p_text has no surrounding blanks.
create or replace function kronos.cron_text_hint(p_text text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    -- The zone as a prefix; in a crontab it is a separate line.
    v_zoned  constant text[] := regexp_match(p_text, '^(?:CRON_)?TZ=[":'']*([^ \t":'']*)[":'']*[ \t]+(.*)$',
                                             'i');
    v_zone   constant text   := case when v_zoned[1] = 'UTC' or kronos.is_zone_name(v_zoned[1])
                                     then v_zoned[1] end;
    v_inside constant text   := btrim((regexp_match(p_text, '^cron\((.*)\)$', 'i'))[1]);
    v_quoted constant text   := (regexp_match(p_text, '^(["''`])(.*)\1$'))[2];
    v_joined constant text   := regexp_replace(p_text, '[ \t]*([,/#-])[ \t]*', '\1', 'g');
    v_macro  constant text   := lower(substring(p_text from '^@[a-zA-Z]+') collate "C");
    v_clock  constant text[] := regexp_match(p_text, '^([01]?[0-9]|2[0-3]):([0-5][0-9])$');
begin
    return coalesce(
        case when kronos.is_cron(v_zoned[2])
             then format('Write %s, and set ', v_zoned[2])
                  || coalesce('"timezone": "' || v_zone || '".',
                              'the zone, as in "timezone": "Europe/Berlin".') end,
        case when v_zoned is not null
             then 'The zone has its own field, as in '
                  || format('"timezone": "%s".', coalesce(v_zone, 'Europe/Berlin')) end,
        case when kronos.is_cron(coalesce(v_quoted, v_inside))
             then 'Write ' || coalesce(v_quoted, v_inside) || ' and nothing around it.' end,
        kronos.cron_line_hint(v_inside),
        kronos.cron_interval_hint(p_text),
        case when kronos.is_cron(v_joined)
             then format('Remove the blanks within fields: write %s instead.', v_joined) end,
        case when v_macro in ('@reboot', '@restart')
             then 'A schedule names times; to run once now, create an IMMEDIATE job.' end,
        case when kronos.is_cron(v_macro) and lower(p_text collate "C") = v_macro
             then 'Macros are lower case: write ' || v_macro || ' instead.' end,
        case when kronos.is_cron(v_macro)
             then 'Remove the text after the macro; a job calls its endpoint, not a command: write '
                  || v_macro || ' instead.' end,
        case when v_macro is not null or p_text like '@%'
             then 'Write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually, '
                  'or five fields.' end,
        kronos.cron_line_hint(p_text),
        'For every day at that time write ' || v_clock[2]::integer || ' ' || v_clock[1]::integer
            || ' * * * instead.',
        'Write five fields: minute, hour, day of month, month, weekday.'
    );
end
$$;
