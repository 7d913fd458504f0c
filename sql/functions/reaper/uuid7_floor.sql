-- uuid7_floor: the smallest version 7 UUID of an instant; the bound between two partitions.
-- Called by: add_partition, and what ages history out.
create or replace function kronos.uuid7_floor(p_at timestamptz) returns uuid
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
    select encode(substring(int8send((extract(epoch from p_at) * 1000)::bigint) from 3) || decode(repeat('00', 10), 'hex'), 'hex')::uuid
$$;
