-- highest_bit: the position of the highest bit that is set (0 = the lowest bit); 64 if none is.
create or replace function kronos.highest_bit(p_bits bigint) returns integer
language sql immutable strict parallel safe
return 64 - position('1' in p_bits::bit(64)::text);
