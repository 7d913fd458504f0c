-- is_alone: whether the transaction consists of only this statement, as far as can be told: it began with it,
-- or microseconds before if the driver prepares statements. False for a transaction that a session holds open
-- by hand.
create or replace function kronos.is_alone() returns boolean
language sql stable
return statement_timestamp() < now() + interval '20 milliseconds';
