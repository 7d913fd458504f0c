-- offset_within: a job's offset, limited to a new spread: a shorter spread shortens the offset.
create or replace function kronos.offset_within(p_spread text, p_offset_seconds integer) returns integer
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select least(p_offset_seconds, coalesce(kronos.spread_seconds(p_spread), 0))
$$;
