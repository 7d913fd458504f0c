-- search_text: what q is looked for in of a job's own: name, title and schedule in words, in small letters,
-- a line each. Names and words are ASCII, so their small letters are those of the locale C, at a quarter of
-- the price; none of the three has a line of its own in it. Null: it has none of these, as most one-shots.
create or replace function kronos.search_text(p_name text, p_title text, p_description text) returns text
language sql immutable
as $$
    select case when num_nonnulls(p_name, p_title, p_description) > 0
                then coalesce(lower(p_name collate "C"), '') || E'\n' || coalesce(lower(p_title), '') || E'\n'
                     || coalesce(lower(p_description collate "C"), '') end
$$;
