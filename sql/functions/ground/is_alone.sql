-- is_alone: whether the transaction is this one statement's, as far as one can tell: it began with it, or, by
-- a driver that prepares, microseconds before. A transaction that another session holds open by hand is not.
create or replace function kronos.is_alone() returns boolean
language sql stable
return statement_timestamp() < now() + interval '20 milliseconds';
