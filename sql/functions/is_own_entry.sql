-- is_own_entry: whether an entry is kronos_cron's in this database; any other of our name is a stranger's copy.
-- Called by: reap, repair_pg_cron.
create or replace function kronos.is_own_entry(p_username text, p_database text) returns boolean
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select p_username = 'kronos_cron' and p_database = current_database()
$$;
