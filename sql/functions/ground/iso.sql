-- iso: an instant as the API writes it: RFC 3339, UTC, Z; of the years 1 to 9999 (finite). Whole seconds have
-- no fraction, others have six digits: as Python writes the instants of a row.
-- Immutable, so that an index or a column may be made of it; but to_char is not, so it is not inlined, and
-- planned again by each statement (20 us). Where one row is made at a time: iso_inlined.
create or replace function kronos.iso(p_at timestamptz) returns text
language sql immutable parallel safe
as $$
    select kronos.iso_inlined(p_at)
$$;
