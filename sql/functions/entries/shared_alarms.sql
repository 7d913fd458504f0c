-- shared_alarms: the distinct schedules that shared entries must have. None unless the instance shares
-- alarms.
create or replace function kronos.shared_alarms() returns setof text
language plpgsql stable rows 5000 set search_path = pg_catalog, pg_temp
as $$
declare
    v_setting kronos.alarm_setting;
begin
    select * into v_setting from kronos.alarm_setting;
    if not v_setting.is_shared then
        return;
    end if;
    return query
        select distinct kronos.ring_text(live.alarm, v_setting.folded)
          from kronos.live_alarms() as live
         union
        select unnest(kronos.folded_alarms(v_setting.folded));
end
$$;
