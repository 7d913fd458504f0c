-- cron_step: the distance between neighboring values if it is always the same. Null for other lists and for a
-- single value.
create or replace function kronos.cron_step(p_values integer[]) returns integer
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_step integer := p_values[2] - p_values[1];
begin
    for n in 3..cardinality(p_values) loop
        if p_values[n] - p_values[n - 1] <> v_step then
            return null;
        end if;
    end loop;
    return v_step;
end
$$;
