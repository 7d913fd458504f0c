-- now: the start of the transaction: one instant for all that it writes, and one that an index is searched
-- by. See clock. Inlined, so each plan has now() in it.
create or replace function kronos.now() returns timestamptz
language sql stable parallel safe
return pg_catalog.now();
