-- uuid7: a version 7 UUID (RFC 9562): 48 bits of milliseconds, the rest random. plpgsql, because its plan is
-- kept: as sql it was planned in each statement, 90 us of CPU in place of 30.
-- Returns: a new id each time.
create or replace function kronos.uuid7(p_at timestamptz default kronos.clock()) returns uuid
language plpgsql volatile parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return encode(set_bit(set_bit(
               overlay(uuid_send(gen_random_uuid())
                       placing substring(int8send((extract(epoch from p_at) * 1000)::bigint) from 3)
                       from 1 for 6),
               52, 1), 53, 1), 'hex')::uuid;
end
$$;
