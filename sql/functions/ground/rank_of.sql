-- rank_of: the rank of an execution among the due ones of its endpoint: the earliest goes first. A step of
-- priority is worth a minute of waiting: an execution of priority 5 goes before those of priority 0 that
-- became due up to five minutes earlier, and none waits behind later ones for longer than the twenty minutes
-- between 10 and -10. Inlined. kronos/worker/rotation.py uses the same minute.
create or replace function kronos.rank_of(p_due_at timestamptz, p_priority integer) returns timestamptz
language sql stable parallel safe
as $$
    select p_due_at - p_priority * interval '1 minute'
$$;
