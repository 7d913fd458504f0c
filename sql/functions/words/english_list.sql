-- english_list: ascending numbers as "1, 3 through 7 and 9"; three or more in a row become a run. If p_names
-- is given, p_names[n] replaces n; p_join is the word before the last item.
create or replace function kronos.english_list(
    p_values integer[], p_names text[] default null, p_join text default 'and'
) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return kronos.english_join(kronos.english_items(p_values, p_names), p_join);
end
$$;
