-- jobs_left: how many jobs of a workspace have still to follow its last suspension or resumption, or about so
-- many. As the caller, so row level security confines it.   Returns: 0 where all have.
create or replace function kronos.jobs_left(p_workspace_id uuid) returns integer
language sql stable
as $$
    select coalesce((select greatest((turn.steps_left + 1) / 2, 1)
                       from kronos.turns as turn
                      where turn.workspace_id = p_workspace_id), 0)
$$;
