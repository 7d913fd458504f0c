-- english_ordinal: 1st, 2nd, 3rd, 4th, 11th, 21st.
create or replace function kronos.english_ordinal(p_number integer) returns text
language sql immutable strict parallel safe
return p_number || case
    when p_number % 100 in (11, 12, 13) then 'th'
    else coalesce((array['st', 'nd', 'rd'])[p_number % 10], 'th')
end;
