-- counted: a number with its noun, as kronos.counting writes it in Python: 1 run, 2 runs; p_many where that
-- is not the noun with an s.
create or replace function kronos.counted(p_number bigint, p_one text, p_many text default null) returns text
language sql immutable parallel safe
as $$
    select p_number || ' ' || case when p_number = 1 then p_one else coalesce(p_many, p_one || 's') end
$$;
