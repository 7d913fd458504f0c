-- turned_run: reorder the ascending values of a field that wraps around, if three or more in a row cross its
-- end. The result begins after their last gap: hours 0, 1, 5, 23 become 23, 24, 25 and 5 of the next day, 29.
-- p_low..p_high are the values that the field can have.
-- Returns: p_values if no run crosses the end, or if there is no gap.
create or replace function kronos.turned_run(p_values integer[], p_low integer, p_high integer)
returns integer[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_size    constant integer := p_high - p_low + 1;
    v_count   constant integer := cardinality(p_values);
    v_turned  integer[] := '{}'::integer[];
    v_first   integer := v_count;       -- where the run that ends with p_high begins
begin
    while p_values[v_first - 1] = p_values[v_first] - 1 loop
        v_first := v_first - 1;
    end loop;
    if v_count in (0, v_size) or p_values[1] <> p_low or p_values[v_count] <> p_high
    or v_count - v_first + 1 < 2 and p_values[2] is distinct from p_low + 1 then
        return p_values;
    end if;
    for n in 0 .. v_count - 1 loop
        v_turned := v_turned || p_values[(v_first - 1 + n) % v_count + 1]
                    + case when v_first + n > v_count then v_size else 0 end;
    end loop;
    return v_turned;
end
$$;
