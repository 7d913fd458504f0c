-- cron_day_hint: the hint for an L, $ or W that is misplaced, in the day-of-month field or in another one.
-- p_item is in lower case.
-- Returns: null for an item with none of them.
create or replace function kronos.cron_day_hint(p_item text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_n = 3 then coalesce(
            -- W15, WL, $-3, LW-3, 29-L
            case when p_item ~ '^w[0-9]{1,2}$'
                 then kronos.cron_advice('W follows its day: ', substr(p_item, 2) || 'W', 3) end,
            case when p_item in ('wl', '$w') then 'For the last weekday, Monday to Friday, write LW '
                                                   'instead.' end,
            case when p_item ~ '^\$-[0-9]+w?$'
                 then kronos.cron_advice('L counts back from the last day: ', 'L' || upper(substr(p_item, 2)),
                                         3) end,
            case when p_item ~ '^lw-[0-9]+$'
                 then kronos.cron_advice('W comes last: ', 'L' || substr(p_item, 3) || 'W', 3) end,
            case when p_item ~ '^[0-9]{1,2}-[l$]$'
                 then kronos.cron_advice('A range ends with a number, and days that a shorter month does '
                                         'not have are skipped: ',
                                         regexp_replace(p_item, '[l$]', '31'), 3) end,
            case when p_item ~ '^l[1-9][0-9]?$'
                 then kronos.cron_advice('A month''s last Friday belongs in the fifth field, as 5L; to count '
                                         'back from the last day of the month ',
                                         'L-' || substr(p_item, 2), 3) end,
            case when p_item like '%$%'
                 then '$, the last day of the month, is an item on its own: write $, or 15,$ in a list.' end,
            case when p_item ~ 'w$'
                 then 'W follows one day from 1 to 31, as in 15W; in a list, as in 1W,15W, each has '
                      'its own.' end,
            case when p_item ~ '^([a-z]{3}|[0-9]{1,2})(l|#[0-9]*)$'
                 then 'The second or last Friday of a month belongs in the fifth field, weekday: write '
                      '5#2 or 5L there.' end,
            case when p_item ~ '^l'
                 then 'L, the last day of the month, is written on its own or counts back, as in L-3; '
                      'it takes no range and no step.' end
        )
        when p_item like '%$%' then '$, the last day of the month, belongs in the third field, day of month.'
        when p_n = 5 and p_item ~ '^lw?$'
            then 'L follows a weekday: for the last Saturday of the month write 6L or satL, for every '
                 'Saturday 6; L on its own belongs in day of month.'
        when p_n <> 5 and p_item ~ '^([a-z]{3}|[0-9]{1,2})(l|#[0-9]*)$'
            then 'The second or last Friday of a month belongs in the fifth field, weekday: write 5#2 '
                 'or 5L there.'
        when p_item ~ '^(lw?|l-[0-9]+w?|[0-9]*w)$'
            then 'L, LW, L-3 and W belong in the third field, day of month: L is the last day, LW the last '
                 'weekday (Monday to Friday), L-3 the third day before the last, '
                 'and 15W the weekday nearest to the 15th.'
    end;
end
$$;
