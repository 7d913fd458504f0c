-- highest_bit: the position of the highest bit that is set (0 = the last bit); 64 when none is.
create or replace function kronos.highest_bit(p_bits bigint) returns integer
language sql immutable strict parallel safe
return 64 - position('1' in p_bits::bit(64)::text);
