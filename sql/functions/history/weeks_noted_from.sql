-- weeks_noted_from: the instant from which kronos.history_weeks covers all finished executions.
-- Returns: an instant.
create or replace function kronos.weeks_noted_from() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select instance.weeks_from from kronos.retention as instance
$$;
