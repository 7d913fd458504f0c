-- lowest_bit: the position of the lowest set bit (0 = the last bit); 64 if none is set.
-- An SQL body bound at creation uses no search_path, so PostgreSQL can inline it into next_local_tick.
create or replace function kronos.lowest_bit(p_bits bigint) returns integer
language sql immutable strict parallel safe
return bit_count(((p_bits & -p_bits) - 1)::bit(64))::integer;
