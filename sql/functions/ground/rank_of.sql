-- rank_of: where an execution stands among those of its endpoint that are due: the lower instant goes first.
-- A step of priority is worth a minute of waiting, so that one of priority 5 goes before those of priority 0
-- that became due up to five minutes before it, and none waits behind later ones for more than the twenty
-- minutes between 10 and -10. Inlined. kronos/worker/rotation.py knows the minute too.
create or replace function kronos.rank_of(p_due_at timestamptz, p_priority integer) returns timestamptz
language sql stable parallel safe
as $$
    select p_due_at - p_priority * interval '1 minute'
$$;
