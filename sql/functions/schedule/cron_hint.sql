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
    when p_item ~* '^l' and p_field = 'day of month'
        then 'write $ for the last day of the month'
    when p_item ~ '#' or p_item ~* '^([0-9]+[lw]|lw?)$'
        then 'L, W and # are not known; write days of the month or of the week, and $ for the last day of the month'
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
