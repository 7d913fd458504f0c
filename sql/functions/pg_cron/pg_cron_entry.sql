-- pg_cron_entry: the current pg_cron entry that rings for one job: its own, or the one that it shares.
-- Returns: null if there is none, or if pg_cron cannot be read: reading a job never fails because of pg_cron.
create or replace function kronos.pg_cron_entry(p_job_id uuid) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select found.entry from kronos.pg_cron_entries_of(array[p_job_id]) as found
$$;
