-- cron_interval_hint: the hint for an interval in words, or in the syntax of Go, AWS or pg_cron: "@every
-- 90m", "rate(5 minutes)", "30 seconds".
-- Returns: null for a text that is not an interval.
create or replace function kronos.cron_interval_hint(p_text text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_text  constant text := regexp_replace(lower(btrim(p_text)), '\s+', ' ', 'g');
    v_words constant text := coalesce(substring(v_text from '^@every ?(.*)$'),
                                      substring(v_text from '^rate\((.*)\)$'),
                                      substring(v_text from '^every (.*)$'),
                                      case when v_text ~ '^[0-9]' then v_text end);
    v_given constant text := coalesce(kronos.plain_interval(v_words),
                                      case when v_text ~ '^@every' then '' end);
begin
    return case
        when v_given is null then null
        when kronos.every_advice(v_given) is not null
            then format('An interval has its own field: write %s instead of cron.',
                        kronos.every_advice(v_given))
        when v_given ~ '^[0-9]{1,2}s$' and v_given !~ '^0*([6-9][0-9]|0)s$'
            then 'Intervals in seconds need pg_cron 1.5 or newer; a minute is the shortest here: write '
                 '"every": "1m" instead of cron.'
        when v_given ~ 's$'
            then 'An interval of whole minutes, or of 1 to 59 seconds from pg_cron 1.5 on, has its own '
                 'field: write "every" instead of cron.'
        else 'An interval of whole minutes has its own field: write "every" instead of cron, '
             'as in "every": "90m".'
    end;
end
$$;
