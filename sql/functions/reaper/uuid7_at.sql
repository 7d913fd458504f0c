-- uuid7_at: the instant of a version 7 UUID, to the millisecond.
-- Called by: partitions, and what ages history out.
create or replace function kronos.uuid7_at(p_id uuid) returns timestamptz
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
    select 'epoch'::timestamptz + ('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint * interval '1 millisecond'
$$;
