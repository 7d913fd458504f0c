-- open_minutes: the minutes of an hour, as bits 0 to 59, that begin within p_times.
create or replace function kronos.open_minutes(p_times tstzmultirange, p_hour timestamptz) returns bigint
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bit_or(kronos.minutes_within((1::bigint << 60) - 1, p_hour, lower(part), upper(part))), 0)
      from unnest(p_times * tstzmultirange(tstzrange(p_hour, p_hour + interval '1 hour'))) as part
$$;
