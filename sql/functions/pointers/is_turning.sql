-- is_turning: whether a pointer's next tick is not later than a suspension or resumption of its workspace
-- that its job has still to follow: no ring's then, but follow_turns's. PostgreSQL inlines no function that
-- asks a table, so who asks for a thousand pointers asks first whether there is any turn (due_jobs).
create or replace function kronos.is_turning(p_pointer kronos.pointers) returns boolean
language sql stable
as $$
    select exists (select from kronos.turns as turn
                    where turn.workspace_id = p_pointer.workspace_id
                      and turn.turned_at >= p_pointer.next_tick_at)
$$;
