-- is_shortage: whether an error is of no row, but of the moment: connection, resources, a lock, an operator.
-- It will pass, and the next row would meet it too.
create or replace function kronos.is_shortage(p_sqlstate text) returns boolean
language sql immutable strict parallel safe
return left(p_sqlstate, 2) in ('08', '40', '53', '55', '57');
