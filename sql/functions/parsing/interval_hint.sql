-- interval_hint: what to write instead of a text that is no interval.
create or replace function kronos.interval_hint(p_every text) returns text
language sql immutable strict parallel safe
return case
    when p_every ~ '^[0-9]{1,9}$'
        then format('add a unit: %s, %s, %s or %s', p_every || 's', p_every || 'm', p_every || 'h', p_every || 'd')
    when p_every ~ '^([0-9]{1,9}(y|mo|[smhdw])){1,9}$'
        then 'write each unit once and the largest first: y, mo, w, d, h, m, s, as in 1h30m'
    when p_every ~* '^([0-9]{1,9}(y|mo|[smhdw])){1,9}$'
        then 'units are lower case: write ' || lower(p_every collate "C")
    when p_every ~ '^([0-9]{1,9} *(y|mo|[smhdw]) *){1,9}$'
        then 'leave the blanks out: write ' || replace(p_every, ' ', '')
    when p_every ~ '[0-9][.,][0-9]'
        then 'write whole numbers, e.g. 90m or 1h30m for an hour and a half'
    else 'write numbers with a unit, y, mo, w, d, h, m or s, e.g. 90m, 1h30m, 2w or 1mo'
end;
