-- weeks_noted_from: since when kronos.history_weeks covers all that finished.
-- Returns: an instant.
create or replace function kronos.weeks_noted_from() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select instance.weeks_from from kronos.retention as instance
$$;
