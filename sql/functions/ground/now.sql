-- now: the start of the transaction: one instant for everything it writes, and one that can be used to search
-- an index. See clock. Inlined, so each plan contains now().
create or replace function kronos.now() returns timestamptz
language sql stable parallel safe
return pg_catalog.now();
