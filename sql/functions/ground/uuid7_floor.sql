-- uuid7_floor: the smallest version 7 UUID of an instant; the bound between two partitions. Ids count the
-- years 1970 to 10889: an instant before or after, or an infinite one, has the first or the last of them, so
-- that bounds keep the order of their instants. plpgsql, whose plan the session keeps: a SQL function that is
-- not inlined is planned by every statement that calls it, 50 us.
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
