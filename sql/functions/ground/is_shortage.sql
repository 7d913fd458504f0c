-- is_shortage: whether an error comes from temporary conditions (connection, resources, a lock, an operator)
-- and not from a row. It will pass, and the next row would fail with it too.
create or replace function kronos.is_shortage(p_sqlstate text) returns boolean
language sql immutable strict parallel safe
return left(p_sqlstate, 2) in ('08', '40', '53', '55', '57');
