-- cron_advice: a hint that says to write a list in the place of an item of the n-th field that is refused;
-- p_why comes first.
-- Returns: null where the list would be refused too: no hint advises that.
create or replace function kronos.cron_advice(p_why text, p_list text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_bits constant record := kronos.parse_cron_field(p_list, p_n, false);
begin
    return case when v_bits.p_plain is not null then p_why || 'write ' || p_list end;
end
$$;
