-- pg_cron_entry: the entry that rings for one job as pg_cron has it now: its own, or the one that it shares.
-- Returns: null where there is none, or where pg_cron cannot be read: reading a job never fails for pg_cron's
-- sake.
create or replace function kronos.pg_cron_entry(p_job_id uuid) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select found.entry from kronos.pg_cron_entries_of(array[p_job_id]) as found
$$;
