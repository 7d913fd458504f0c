-- is_watched: whether anybody listens to what changes, in any workspace. Inlined, and no statement: 0.5 us.
-- It does not go by the caller's snapshot: who begins to listen knows from which transaction on all that is
-- changed is noted.
create or replace function kronos.is_watched() returns boolean
language sql volatile
return coalesce(pg_catalog.pg_sequence_last_value('kronos.live_until'::regclass), 0)
       > extract(epoch from kronos.clock());
