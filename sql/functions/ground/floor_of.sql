-- floor_of: from when on an index is read, as a worker says it: the first instant that Python knows stands
-- for all there is. Inlined.
create or replace function kronos.floor_of(p_floor timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
    select case when p_floor > '0001-01-01 00:00:00+00' then p_floor else '-infinity' end
$$;
