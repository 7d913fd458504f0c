-- english_join: words as "a, b and c". plpgsql, because PostgreSQL would plan sql again in each statement.
create or replace function kronos.english_join(p_words text[], p_join text default 'and') returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case cardinality(p_words)
        when 1 then p_words[1]
        else array_to_string(p_words[:cardinality(p_words) - 1], ', ') || ' ' || p_join || ' '
             || p_words[cardinality(p_words)]
    end;
end
$$;
