-- is_plain_ledger: whether rows, in order, account for each of the ticks exactly once: one row per tick, or
-- runs of p_counts ticks from p_firsts to p_lasts. Nulls if there are no rows.
create or replace function kronos.is_plain_ledger(p_ticks timestamptz[], p_firsts timestamptz[],
                                                  p_lasts timestamptz[], p_counts integer[])
returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_nth integer := 1;
begin
    if p_ticks is not distinct from coalesce(p_firsts, '{}') then
        return coalesce(1 = all (p_counts), true);
    end if;
    for v_place in 1 .. coalesce(cardinality(p_firsts), 0) loop
        if (p_firsts[v_place] = p_ticks[v_nth]
            and p_lasts[v_place] = p_ticks[v_nth + p_counts[v_place] - 1]) is not true then
            return false;
        end if;
        v_nth := v_nth + p_counts[v_place];
    end loop;
    return v_nth = cardinality(p_ticks) + 1;
end
$$;
