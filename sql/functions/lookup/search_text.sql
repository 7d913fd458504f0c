-- search_text: the text of a job that q is searched in: name, title and description of the schedule in lower
-- case, one line each. Names and descriptions are ASCII, so they are lowered in the locale C, at a quarter of
-- the cost; none of the three contains a line break. Null if it has none of these, as most one-shots.
create or replace function kronos.search_text(p_name text, p_title text, p_description text) returns text
language sql immutable
as $$
    select case when num_nonnulls(p_name, p_title, p_description) > 0
                then coalesce(lower(p_name collate "C"), '') || E'\n' || coalesce(lower(p_title), '') || E'\n'
                     || coalesce(lower(p_description collate "C"), '') end
$$;
