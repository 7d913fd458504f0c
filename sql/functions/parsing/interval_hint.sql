-- interval_hint: the hint for a text that is not an interval. An interval that it advises is always accepted.
create or replace function kronos.interval_hint(p_every text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_plain  constant text := kronos.plain_interval(p_every);
    v_months constant text := substring(p_every from '^([0-9]{1,3})M$');      -- M means months elsewhere
begin
    return case
        when p_every ~ '^[0-9]{1,9}$'
            then format('Add a unit: write %s, %s, %s or %s instead.',
                        p_every || 's', p_every || 'm', p_every || 'h', p_every || 'd')
        when p_every ~ '^([0-9]{1,9}(y|mo|[smhdw])){1,9}$'
            then 'Write each unit once and the largest first: y, mo, w, d, h, m, s, as in 1h30m.'
        when kronos.every_advice(v_months || 'mo') is not null
             and kronos.every_advice(v_months || 'm') is not null
            then format('Units are lower case: write %sm for minutes, %smo for months.', v_months, v_months)
        when kronos.every_advice(v_plain) is not null
            then 'Write ' || v_plain
                 || case when lower(p_every collate "C") = v_plain then ': units are lower case.'
                         else ' instead.' end
        when p_every ~ '[0-9][.,][0-9]'
            then 'Write whole numbers, such as 90m or 1h30m for an hour and a half.'
        when v_plain ~ 's$'
            then 'Write whole minutes, as in 90m; from pg_cron 1.5 on also 1s to 59s.'
        else 'Write numbers with a unit, y, mo, w, d, h, m or s, such as 90m, 1h30m, 2w or 1mo.'
    end;
end
$$;
