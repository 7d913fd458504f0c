-- uuid7_time: the instant at the start of a version 7 UUID, to the millisecond. It determines the history
-- partition of the row with this id.
create or replace function kronos.uuid7_time(p_id uuid) returns timestamptz
language sql immutable strict parallel safe
as $$
    select (timestamp '1970-01-01 00:00:00'
            + (('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint * interval '1 millisecond'))
           at time zone 'UTC'
$$;
