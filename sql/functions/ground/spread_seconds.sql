-- spread_seconds: a job's spread in seconds: 300 for "5m". Null if it has none.
create or replace function kronos.spread_seconds(p_spread text) returns integer
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
    select left(p_spread, -1)::integer
           * case right(p_spread, 1) when 's' then 1 when 'm' then 60 else 3600 end
     where p_spread ~ '^[0-9]{1,4}[smh]$'
$$;
