-- ring_text: the schedule of the shared entry that rings for an alarm: the alarm itself, or the first of
-- folded_alarms.
create or replace function kronos.ring_text(p_alarm text, p_folded bigint) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    if p_folded <> 0 and kronos.alarm_minutes(p_alarm) & ~p_folded = 0 then
        return (kronos.folded_alarms(p_folded))[1];
    end if;
    return p_alarm;
end
$$;
