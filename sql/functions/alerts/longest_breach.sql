-- longest_breach: the largest number of breaches in a row among outcomes (letters_of).
create or replace function kronos.longest_breach(p_letters text) returns integer
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(length(part)), 0)::integer from unnest(string_to_array(p_letters, 'O')) as part
$$;
