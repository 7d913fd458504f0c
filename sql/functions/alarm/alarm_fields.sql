-- alarm_fields: the five fields of a cron text, in syntax that pg_cron accepts. L, W and # become the days
-- that they can mean; a range that wraps around becomes a list.
-- Returns: texts that pg_cron 1.4.2 and 1.6 accept and read alike (only 1.6 knows $).
-- Raises: KR001, as cron_fields does.
--
-- The result stays a superset under the star rule: no item begins with * that did not before, so AND stays
-- AND and OR stays OR, over larger sets of days.
create or replace function kronos.alarm_fields(p_cron text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields text[] := kronos.cron_fields(p_cron);
    v_items  text[];
    v_item   text;
begin
    for n in 1..5 loop
        continue when v_fields[n] !~* '[-$LW#]';
        v_items := '{}';
        foreach v_item in array string_to_array(v_fields[n], ',') loop
            v_items := v_items || kronos.alarm_item(v_item, n);
        end loop;
        v_fields[n] := array_to_string(v_items, ',');
    end loop;
    return v_fields;
end
$$;
