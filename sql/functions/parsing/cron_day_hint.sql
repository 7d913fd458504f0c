-- cron_day_hint: what to write instead of an L, $ or W that is not where it belongs, in the day-of-month
-- field or in another one.
-- p_item is in lower case.   Returns: null for an item without one of them.
create or replace function kronos.cron_day_hint(p_item text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_n = 3 then coalesce(
            -- W15, WL, $-3, LW-3, 29-L
            case when p_item ~ '^w[0-9]{1,2}$'
                 then kronos.cron_advice('W follows its day: ', substr(p_item, 2) || 'W', 3) end,
            case when p_item in ('wl', '$w') then 'for the last day from Monday to Friday write LW' end,
            case when p_item ~ '^\$-[0-9]+w?$'
                 then kronos.cron_advice('counted from the last day: ', 'L' || upper(substr(p_item, 2)),
                                         3) end,
            case when p_item ~ '^lw-[0-9]+$'
                 then kronos.cron_advice('W comes last: ', 'L' || substr(p_item, 3) || 'W', 3) end,
            case when p_item ~ '^[0-9]{1,2}-[l$]$'
                 then kronos.cron_advice('a range ends with a number, and a shorter month leaves out what '
                                         'it has not: ',
                                         regexp_replace(p_item, '[l$]', '31'), 3) end,
            case when p_item ~ '^l[1-9][0-9]?$'
                 then kronos.cron_advice('a weekday''s last belongs into the fifth field, as 5L; counted '
                                         'back from the month''s last day ',
                                         'L-' || substr(p_item, 2), 3) end,
            case when p_item like '%$%'
                 then '$, the last day of the month, stands alone or as an item of a list, e.g. 15,$' end,
            case when p_item ~ 'w$'
                 then 'W follows one day from 1 to 31, as in 15W; list several, as in 1W,15W' end,
            case when p_item ~ '^([a-z]{3}|[0-9]{1,2})(l|#[0-9]*)$'
                 then 'the second or the last of a weekday in a month belongs into the fifth field, '
                      'weekday, as 5#2 or 5L' end,
            case when p_item ~ '^l'
                 then 'L, the last day of the month, stands alone, or counts back, as in L-3; '
                      'it has no range and no step' end
        )
        when p_item like '%$%' then '$, the last day of the month, belongs into the third field, day of month'
        when p_n = 5 and p_item ~ '^lw?$'
            then 'L goes with a weekday: for the last Saturday of the month write 6L or satL, 6 for each; '
                 'L alone belongs into day of month'
        when p_n <> 5 and p_item ~ '^([a-z]{3}|[0-9]{1,2})(l|#[0-9]*)$'
            then 'the second or the last of a weekday in a month belongs into the fifth field, weekday, as '
                 '5#2 or 5L'
        when p_item ~ '^(lw?|l-[0-9]+w?|[0-9]*w)$'
            then 'L, LW, L-3 and W belong into the third field, day of month: the last day, the last from '
                 'Monday to Friday, the third before the last, '
                 'and as 15W the one nearest to the 15th'
    end;
end
$$;
