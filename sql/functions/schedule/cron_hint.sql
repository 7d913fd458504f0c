-- cron_hint: what to write instead of a field's item that is not in the grammar.
-- Called by: parse_cron_item, for its errors.
create or replace function kronos.cron_hint(p_item text, p_field text, p_low integer, p_high integer) returns text
language sql immutable strict parallel safe
return case
    when p_item = ''
        then 'remove the comma that has nothing before or after it'
    when p_item like '%?%'
        then 'write * instead of ?'
    when p_item ~* '^([0-9]{1,2}|[a-z]{3})/[0-9]+$'
        then format('a step follows * or a range: write %s-%s/%s',
                    split_part(p_item, '/', 1), p_high, split_part(p_item, '/', 2))
    when p_item like '%$%' and p_field = 'day of month'
        then '$, the last day of the month, stands alone or as an item of a list, e.g. 15,$'
    when p_item like '%$%'
        then '$, the last day of the month, belongs into the third field, day of month'
    when p_item ~* '^lw?$' and p_field = 'weekday'
        then 'L goes with a weekday: write 6L or satL for the last Saturday of the month, 6 for each; L alone belongs into day of month'
    when p_item ~* 'w$' and p_field = 'day of month'
        then 'W follows one day from 1 to 31, as in 15W; list several, as in 1W,15W'
    when p_item ~* '^(lw?|l-[0-9]+w?|[0-9]*w)$' and p_field <> 'day of month'
        then 'L, LW, L-3 and W belong into the third field, day of month: the last day, the last from Monday to Friday, the third before the last, '
             'and as 15W the one nearest to the 15th'
    when p_item ~* '^([a-z]{3}|[0-9]{1,2})(l|#[0-9]*)$' and p_field <> 'weekday'
        then 'the second or the last of a weekday in a month belongs into the fifth field, weekday: write 5#2 or 5L'
    when p_item ~ '#'
        then 'write # between a weekday and a number from 1 to 5: 5#2 or fri#2 is the second Friday of the month; lists are allowed, ranges are not'
    when p_item ~* '[a-z]' and p_field not in ('month', 'weekday')
        then format('names stand for months and weekdays only: write numbers from %s to %s', p_low, p_high)
    when p_item ~* '^[a-z]{4,}(-[a-z]{3,})?$|^[a-z]{3}-[a-z]{4,}$'
        then 'names have three letters: write ' || regexp_replace(lower(p_item collate "C"), '([a-z]{3})[a-z]*', '\1', 'g')
    when p_item ~ '^\*.*/.*/' or p_item ~ '^[0-9]+-[0-9]+/.*/'
        then 'write one step only, e.g. */5'
    else format(
        'write *, a number from %s to %s, a range low-high, a step after * or a range as in */5, or a list with commas',
        p_low, p_high
    )
end;
