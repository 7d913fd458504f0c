-- iso: an instant as the API writes it: RFC 3339, UTC, Z; within the years 1 to 9999 (finite). Whole seconds
-- have no fraction, others six digits, as Python writes a row's instants.
-- Immutable, so that indexes and generated columns can use it. But to_char is not, so it cannot be inlined.
-- plpgsql, because its plan is kept: as sql it was planned by every statement that calls it (20 us).
create or replace function kronos.iso(p_at timestamptz) returns text
language plpgsql immutable parallel safe
as $$
begin
    return kronos.iso_inlined(p_at);
end
$$;
