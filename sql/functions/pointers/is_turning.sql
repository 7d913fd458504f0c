-- is_turning: whether a pointer's next tick is not later than a suspension or resumption of its workspace
-- that its job has yet to follow. Such a tick is accounted for by follow_turns, not by a ring. PostgreSQL
-- does not inline a function that queries a table, so a caller with a thousand pointers first checks whether
-- there are any turns (due_jobs).
create or replace function kronos.is_turning(p_pointer kronos.pointers) returns boolean
language sql stable
as $$
    select exists (select from kronos.turns as turn
                    where turn.workspace_id = p_pointer.workspace_id
                      and turn.turned_at >= p_pointer.next_tick_at)
$$;
