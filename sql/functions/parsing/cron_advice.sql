-- cron_advice: a hint to write a list instead of a rejected item of the n-th field; it starts with p_why.
-- Returns: null if the list would be rejected too, so that no hint advises it.
create or replace function kronos.cron_advice(p_why text, p_list text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_bits constant record := kronos.parse_cron_field(p_list, p_n, false);
begin
    return case when v_bits.p_plain is not null then p_why || 'write ' || p_list || ' instead.' end;
end
$$;
