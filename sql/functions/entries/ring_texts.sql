-- ring_texts: the schedules of the shared entries that ring for these alarms.
create or replace function kronos.ring_texts(p_alarms text[]) returns text[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_folded constant bigint := (select setting.folded from kronos.alarm_setting as setting);
begin
    return array(select kronos.ring_text(asked.alarm, v_folded)
                   from unnest(p_alarms) with ordinality as asked (alarm, nth)
                  order by asked.nth);
end
$$;
