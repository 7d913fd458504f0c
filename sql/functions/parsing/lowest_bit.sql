-- lowest_bit: the position of the lowest bit that is set (0 = the last bit); 64 when none is.
-- A sql body bound at creation, so that PostgreSQL inlines it into next_local_tick: no search_path is
-- consulted.
create or replace function kronos.lowest_bit(p_bits bigint) returns integer
language sql immutable strict parallel safe
return bit_count(((p_bits & -p_bits) - 1)::bit(64))::integer;
