-- is_watched: whether anyone listens for changes, in any workspace. Inlined, without a statement: 0.5 us. It
-- ignores the caller's snapshot: a new listener knows the transaction from which on all changes are noted.
create or replace function kronos.is_watched() returns boolean
language sql volatile
return coalesce(pg_catalog.pg_sequence_last_value('kronos.live_until'::regclass), 0)
       > extract(epoch from kronos.clock());
