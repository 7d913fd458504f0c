-- cron_hint: the hint for an item of the n-th field that the grammar does not allow.
create or replace function kronos.cron_hint(p_item text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec   constant record := kronos.cron_field(p_n);
    v_item   constant text   := kronos.cron_short_names(lower(p_item collate "C"), v_spec.names);
    v_digits constant text   := regexp_replace(v_item, '(^|[^0-9])0+(?=[0-9]{1,2}([^0-9]|$))', '\1', 'g');
    -- Jenkins' H, H/15 and H(0-29)/10, and the ~ of OpenBSD and cronie.
    v_spread constant text[] := regexp_match(
        lower(p_item collate "C"), '^(?:[hr](?:\(([0-9]+)-([0-9]+)\))?(/[0-9]+)?|([0-9]*)~[0-9]*)$'
    );
begin
    return coalesce(
        case when p_item = '' then 'Remove the comma that has nothing before or after it.' end,
        case when kronos.cron_advice('', replace(p_item, '?', '*'), p_n) is not null
             then 'Write * instead of ? here.' end,
        case when v_item <> lower(p_item collate "C")
             then kronos.cron_advice('Names have three letters: ', v_item, p_n) end,
        kronos.cron_advice('A number has one or two digits: ', v_digits, p_n),
        case when v_spread is not null then kronos.cron_advice(
                 'An item names exact values; "jitter_seconds" spreads runs over the time after each: ',
                 case when v_spread[3] is null
                      then coalesce(nullif(v_spread[4], ''), v_spread[1], v_spec.low::text)
                      else coalesce(v_spread[1] || '-' || v_spread[2], '*') || v_spread[3] end, p_n) end,
        kronos.cron_single_step_hint(v_item, p_n),
        case when p_n = 5 then kronos.cron_weekday_hint(lower(v_item collate "C")) end,
        kronos.cron_day_hint(lower(v_item collate "C"), p_n),
        case when p_n in (4, 5)
              and kronos.cron_short_names(v_item, (kronos.cron_field(9 - p_n)).names) ~ '^([a-z]{3}(L|-|$))+'
              and kronos.cron_short_names(v_item, (kronos.cron_field(9 - p_n)).names) <> v_item
             then case p_n
                       when 4 then 'Weekdays belong in the fifth field.'
                       else 'Months belong in the fourth field.' end end,
        case when v_item ~ '#'
             then 'The second Friday of a month belongs in the fifth field, weekday: write 5#2 there.' end,
        case when v_item ~ '[a-z]' and p_n < 4
             then format('Only months and weekdays have names: write numbers from %s to %s.',
                         v_spec.low, v_spec.high) end,
        case when v_item ~ '[a-z]' and v_item !~ '[^a-zA-Z-]'
             then format('Write names of three letters, %s, or numbers from %s to %s.',
                         array_to_string(v_spec.names, ' '), v_spec.low, v_spec.high) end,
        case when v_item ~ '^\*.*/.*/' or v_item ~ '^[0-9]+-[0-9]+/.*/'
             then 'Write one step only: */5 is every fifth value.' end,
        format('Write *, a number from %s to %s, a range low-high, a step after * or a range as in */5, or '
               'a list with commas.', v_spec.low, v_spec.high)
    );
end
$$;
