-- folded_alarms: the shared alarms for all alarms that ring only at these minutes of the hour (p_folded, bits
-- 0-59). There are two texts with the same meaning, so that two pg_cron sessions share the due work
-- (line_up).
-- Returns: {} if p_folded is 0.
create or replace function kronos.folded_alarms(p_folded bigint) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_minutes constant text := kronos.cron_list(p_folded, 0, 59);
begin
    return case when p_folded = 0 then '{}'
                else array[v_minutes || ' * * * *', v_minutes || ' */1 * * *'] end;
end
$$;
