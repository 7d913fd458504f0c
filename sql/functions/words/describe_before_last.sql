-- describe_before_last: the days that bits 34-63 of a mask count from the end of the month, in words: "the
-- 3rd day before the last day of the month". Bit 64 - n is the n-th before the last.
-- Returns: null for none.
create or replace function kronos.describe_before_last(p_bits bigint) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_words text[] := '{}'::text[];
begin
    for n in 1..30 loop
        if (p_bits >> (64 - n)) & 1 = 1 then
            v_words := v_words || kronos.english_ordinal(n);
        end if;
    end loop;
    return case cardinality(v_words)
        when 0 then null
        when 1 then format('the %sday before the last day of the month', nullif(v_words[1] || ' ', '1st '))
        else format('the %s days before the last day of the month', kronos.english_join(v_words))
    end;
end
$$;
