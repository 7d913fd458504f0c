-- queue_of: an execution's priority as in execution_live_ready: priority 0, which is null in the row, is 11,
-- the last. The index spells this out, since the function is inlined. CASE instead of coalesce: under row
-- level security PostgreSQL knows that CASE is leakproof but not that coalesce is, and would sort.
create or replace function kronos.queue_of(p_priority smallint) returns integer
language sql immutable parallel safe
as $$
    select case when p_priority is null then 11 else p_priority end
$$;
