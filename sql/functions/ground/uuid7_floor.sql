-- uuid7_floor: the smallest version 7 UUID of an instant; the bound between two partitions. Ids cover the
-- years 1970 to 10889: earlier, later and infinite instants get the first or the last of them, so bounds keep
-- the order of their instants. plpgsql, because the session keeps its plan: an SQL function that is not
-- inlined is planned by every statement that calls it, 50 us.
create or replace function kronos.uuid7_floor(p_at timestamptz) returns uuid
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return encode(
               substring(int8send((extract(epoch from least(greatest(p_at, '1970-01-01 00:00:00+00'),
                                                            '10889-08-02 05:31:50.655+00')) * 1000)::bigint)
                         from 3)
               || decode(repeat('00', 10), 'hex'),
               'hex')::uuid;
end
$$;
