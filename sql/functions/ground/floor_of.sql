-- floor_of: the lower bound for reading an index, from a worker's value: Python's earliest instant means no
-- bound. Inlined.
create or replace function kronos.floor_of(p_floor timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
    select case when p_floor > '0001-01-01 00:00:00+00' then p_floor else '-infinity' end
$$;
