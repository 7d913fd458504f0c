-- parse_cron_field: the bits of one field's comma-separated list.
-- Called by: parse_cron.
-- Returns: bit n for value n; bit 32 for $.
-- Raises: KR001 with a hint.
create or replace function kronos.parse_cron_field(
    p_text text, p_field text, p_low integer, p_high integer, p_names text[] default '{}'
) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_item text;
    v_bits bigint := 0;
begin
    foreach v_item in array string_to_array(p_text, ',') loop
        v_bits := v_bits | kronos.parse_cron_item(v_item, p_field, p_low, p_high, p_names);
    end loop;
    return v_bits;
end
$$;
