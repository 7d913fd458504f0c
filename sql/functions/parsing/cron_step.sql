-- cron_step: the distance between neighbours where it is always the same; null for other lists and for one
-- value.
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
