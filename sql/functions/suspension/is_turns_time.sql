-- is_turns_time: whether what was left behind of a workspace's jobs may be tried again: half a second after
-- it failed; at once where the clock was set back since.
create or replace function kronos.is_turns_time(p_turn kronos.turns) returns boolean
language sql volatile
as $$
    select p_turn.next_at <= kronos.clock() or p_turn.next_at > kronos.clock() + interval '1 second'
$$;
