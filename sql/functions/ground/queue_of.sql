-- queue_of: an execution's priority as execution_live_ready has it: 0, which is null in the row, is 11, the
-- last. That index spells it out, as this is inlined. "case" and not coalesce: under row level security
-- PostgreSQL knows of the one and not of the other that it tells nobody anything, and would sort.
create or replace function kronos.queue_of(p_priority smallint) returns integer
language sql immutable parallel safe
as $$
    select case when p_priority is null then 11 else p_priority end
$$;
