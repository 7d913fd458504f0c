-- is_passing: whether an error of this SQLSTATE comes from temporary conditions and not from the row at hand:
-- a connection (08), a conflict with another transaction (40), a shortage of memory, disk or locks (53), a
-- lock or an object in use (55), an operator's cancel or shutdown (57), the system (58). The failed work is
-- tried again and counted against no row.
create or replace function kronos.is_passing(p_sqlstate text) returns boolean
language sql immutable parallel safe
return left(p_sqlstate, 2) in ('08', '40', '53', '55', '57', '58');
