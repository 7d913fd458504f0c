-- cron_timezone: the zone in which pg_cron reads its entries. From 1.5 on only superusers can read the
-- setting, unless they granted that (cluster.sql). If it cannot be read, pg_cron's default is assumed. If
-- that were wrong, the internal jobs, which ring every minute in every zone, would account for due ticks.
-- Returns: null on pg_cron 1.4, which knows only GMT.
create or replace function kronos.cron_timezone() returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not pg_has_role(current_user, 'pg_read_all_settings', 'usage') then
        return 'GMT';
    end if;
    return current_setting('cron.timezone', true);
end
$$;
