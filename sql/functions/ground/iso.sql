-- iso: an instant as the API writes it: RFC 3339, UTC, Z; within the years 1 to 9999 (finite). Whole seconds
-- have no fraction, others six digits, as Python writes a row's instants.
-- Immutable, so that indexes and generated columns can use it. But to_char is not, so it is not inlined, and
-- every statement plans it again (20 us). Use iso_inlined where one row is created at a time.
create or replace function kronos.iso(p_at timestamptz) returns text
language sql immutable parallel safe
as $$
    select kronos.iso_inlined(p_at)
$$;
