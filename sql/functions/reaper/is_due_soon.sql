-- is_due_soon: whether a job's tick falls into the coming 15 s, or is due and on time: its row is then left
-- alone, for a firing passes over a row that is held, and the reaper holds what it has repaired until its
-- transaction ends, some seconds later at most. Inlined.
create or replace function kronos.is_due_soon(p_status text, p_next_tick_at timestamptz) returns boolean
language sql volatile parallel safe
return p_status = 'ACTIVE'
   and coalesce(p_next_tick_at between kronos.clock() - kronos.grace() and kronos.clock()
                + interval '15 seconds',
                false);
