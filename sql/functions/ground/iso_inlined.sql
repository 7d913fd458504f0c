-- iso_inlined: iso, for statements that create one row. Stable, as to_char is, and therefore inlined.
create or replace function kronos.iso_inlined(p_at timestamptz) returns text
language sql stable parallel safe
as $$
    select replace(to_char(kronos.finite(p_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   '.000000Z', 'Z')
$$;
