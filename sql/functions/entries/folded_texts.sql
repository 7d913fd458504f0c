-- folded_texts: the schedules of the entries that ring for all folded alarms (folded_alarms).
create or replace function kronos.folded_texts() returns text[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return kronos.folded_alarms((select setting.folded from kronos.alarm_setting as setting));
end
$$;
