-- parse_cron_value: the value of a number or name in a field.
-- Returns: p_low..p_high; weekday 7 stays 7 (a range like 5-7 needs it); null for any other number or name.
create or replace function kronos.parse_cron_value(p_value text, p_low integer, p_high integer,
                                                   p_names text[])
returns integer
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if p_value ~ '^[0-9]' then
        return case when p_value::integer between p_low and p_high then p_value::integer end;
    end if;
    return array_position(p_names, p_value) - 1 + p_low;
end
$$;
