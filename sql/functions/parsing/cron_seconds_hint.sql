-- cron_seconds_hint: the hint for a text whose first field is seconds other than 0. p_rest is the text
-- without that field. The caller adds what follows it.
create or replace function kronos.cron_seconds_hint(p_seconds text, p_rest text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_step constant text := case
        when p_rest <> '* * * * *' then null
        when p_seconds = '*' then '1'
        else (regexp_match(p_seconds, '^(?:\*|0|0-59)/([0-9]{1,2})$'))[1]
    end;
    v_every constant text := kronos.every_advice(v_step || 's');
begin
    return coalesce(
        'For every ' || v_step || ' seconds write ' || v_every || ' instead of cron; for every minute write '
            || p_rest,
        case when v_step is not null
             then 'Intervals in seconds need pg_cron 1.5 or newer; a minute is the shortest here: write '
                  || p_rest end,
        'There is no field for seconds: write ' || p_rest
    );
end
$$;
