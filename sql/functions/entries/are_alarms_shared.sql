-- are_alarms_shared: whether the jobs of this instance share pg_cron entries.
create or replace function kronos.are_alarms_shared() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce((select setting.is_shared from kronos.alarm_setting as setting), false)
$$;
