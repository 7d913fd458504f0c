-- english_items: ascending numbers as {1, "3 through 7", 9}; three or more in a row become a run. If p_names
-- is given, p_names[n] replaces n.
--
-- Uses loops, as cron_values and cron_step do. With set-based sql functions, which are planned again in each
-- statement, one describe_schedule took 1.0 ms instead of 0.33, and 0.30 instead of 0.12 per row of many
-- (pgbench, PostgreSQL 15).
create or replace function kronos.english_items(p_values integer[], p_names text[]) returns text[]
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer := cardinality(p_values);
    v_words text[] := '{}'::text[];
    v_first integer := 1;
    v_last  integer;
begin
    while v_first <= v_count loop
        v_last := v_first;
        while p_values[v_last + 1] = p_values[v_last] + 1 loop
            v_last := v_last + 1;
        end loop;
        if v_last = v_first + 1 then
            v_last := v_first;      -- two in a row are two items
        end if;
        v_words := v_words || (
            coalesce(p_names[p_values[v_first]], p_values[v_first]::text)
            || case
                when v_last = v_first then ''
                else ' through ' || coalesce(p_names[p_values[v_last]], p_values[v_last]::text)
            end
        );
        v_first := v_last + 1;
    end loop;
    return v_words;
end
$$;
