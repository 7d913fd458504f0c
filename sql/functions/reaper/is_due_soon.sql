-- is_due_soon: whether a job's tick falls within the next 15 s, or is due and on time. The reaper then leaves
-- its row alone: a firing skips a locked row, and the reaper holds the rows that it has repaired until its
-- transaction ends, at most some seconds later. Inlined.
create or replace function kronos.is_due_soon(p_status text, p_next_tick_at timestamptz) returns boolean
language sql volatile parallel safe
return p_status = 'ACTIVE'
   and coalesce(p_next_tick_at between kronos.clock() - kronos.grace() and kronos.clock()
                + interval '15 seconds',
                false);
