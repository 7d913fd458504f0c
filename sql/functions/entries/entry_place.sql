-- entry_place: the database, host and port that an entry must have to reach this database. Only superusers,
-- and roles to which they granted pg_read_all_settings (cluster.sql), can read pg_cron's settings; otherwise
-- the host is unknown. To be called as kronos_owner.
-- Returns: one row.
create or replace function kronos.entry_place(out database text, out nodename text, out nodeport integer)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    database := current_database()::text;
    nodeport := current_setting('port')::integer;
    if pg_has_role(current_user, 'pg_read_all_settings', 'usage') then
        database := current_setting('cron.database_name');
        nodename := current_setting('cron.host');
    end if;
end
$$;
