-- cron_values: the positions of the set bits, ascending.
create or replace function kronos.cron_values(p_bits bigint) returns integer[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_rest   bigint := p_bits;
    v_values integer[] := '{}'::integer[];
begin
    while v_rest <> 0 loop
        v_values := v_values || kronos.lowest_bit(v_rest);
        v_rest := v_rest & (v_rest - 1);
    end loop;
    return v_values;
end
$$;
