-- cron_interval_hint: what to write instead of an interval in words, or as Go, AWS and pg_cron have it:
-- "@every 90m", "rate(5 minutes)", "30 seconds".
-- Returns: null for a text that is none.
create or replace function kronos.cron_interval_hint(p_text text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_words constant text := '^(?:every |rate\()?([0-9]{1,9})? ?(s|m|h|d|w)(?:ec|econd|in|inute|r|our|ay|eek)?s?\)?$';
    v_text  constant text   := regexp_replace(lower(btrim(p_text)), '\s+', ' ', 'g');
    v_parts constant text[] := regexp_match(v_text, c_words);
    v_given constant text   := coalesce(substring(v_text from '^@every ?(.*)$'), v_parts[1] || v_parts[2],
                                        case when v_text ~ '^(every|rate)' then '1' || v_parts[2] end,
                                        case when v_text ~ '^([0-9]+[wdhms])+$' then v_text end);
begin
    return case
        when v_given is null then null
        when kronos.every_advice(v_given) is not null
            then format('an interval stands in a field of its own: write %s in place of cron', kronos.every_advice(v_given))
        when v_given ~ '^[0-9]{1,2}s$' and v_given !~ '^0*([6-9][0-9]|0)s$'
            then 'a minute is the shortest interval with this pg_cron, 1.5 and newer have seconds: write "every": "1m" in place of cron'
        else 'an interval of whole minutes stands in a field of its own: write "every" in place of cron, as "every": "90m"'
    end;
end
$$;
