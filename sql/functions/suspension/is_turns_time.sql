-- is_turns_time: whether the jobs of a workspace that were left behind may be tried again: half a second
-- after they failed, or immediately if the clock was set back since.
create or replace function kronos.is_turns_time(p_turn kronos.turns) returns boolean
language sql volatile
as $$
    select p_turn.next_at <= kronos.clock() or p_turn.next_at > kronos.clock() + interval '1 second'
$$;
