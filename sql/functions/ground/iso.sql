-- iso: an instant as the API writes it: RFC 3339, UTC, Z; of the years 1 to 9999 (finite).
create or replace function kronos.iso(p_at timestamptz) returns text
language sql immutable parallel safe
as $$
    select to_char(kronos.finite(p_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
