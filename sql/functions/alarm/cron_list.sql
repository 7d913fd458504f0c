-- cron_list: a set of values as a pg_cron field: *, */5, 9-17, 1-31/2, or a list of these and of single
-- values. p_low..p_high are the values that the field can have.
-- p_star: the field must (true) or must not (false) begin with *; null: whichever is simplest.
-- Returns: the values; if p_star is true, possibly with p_low added. Null for an empty set.
create or replace function kronos.cron_list(p_bits bigint, p_low integer, p_high integer,
                                            p_star boolean default null)
returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_values integer[] := kronos.cron_values(p_bits);
    v_count  integer := cardinality(v_values);
    v_step   integer := kronos.cron_step(v_values);
    v_items  text[] := '{}'::text[];
    v_first  integer := 1;
    v_last   integer;
begin
    if p_star is not false then
        if v_count = p_high - p_low + 1 then
            return '*';
        elsif v_values[1] = p_low and v_count > 2 and v_values[v_count] + v_step > p_high then
            return '*/' || v_step;
        elsif p_star then
            v_items := array['*/' || p_high - p_low + 1];       -- p_low only
            v_first := case when v_values[1] = p_low then 2 else 1 end;
        end if;
    end if;
    while v_first <= v_count loop
        v_step := v_values[v_first + 1] - v_values[v_first];
        v_last := v_first;
        while v_values[v_last + 1] - v_values[v_last] = v_step loop
            v_last := v_last + 1;
        end loop;
        if v_last < v_first + 2 then
            v_last := v_first;      -- two values are written as two items
        end if;
        v_items := v_items || (v_values[v_first] || case
            when v_last = v_first then ''
            when v_step = 1 then '-' || v_values[v_last]
            else '-' || v_values[v_last] || '/' || v_step
        end);
        v_first := v_last + 1;
    end loop;
    return nullif(array_to_string(v_items, ','), '');
end
$$;
