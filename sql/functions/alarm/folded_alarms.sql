-- folded_alarms: the alarms that ring for all that ring at no other minutes of the hour than these: two,
-- which say the same in two ways, so that two sessions of pg_cron share what is due (line_up). p_folded:
-- bits 0-59.   Returns: {} for none.
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
