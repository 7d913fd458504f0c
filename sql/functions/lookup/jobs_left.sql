-- jobs_left: about how many jobs of a workspace have yet to follow its last suspension or resumption. Runs as
-- the caller: row level security applies.
-- Returns: 0 if all have.
create or replace function kronos.jobs_left(p_workspace_id uuid) returns integer
language sql stable
as $$
    select coalesce((select greatest((turn.steps_left + 1) / 2, 1)
                       from kronos.turns as turn
                      where turn.workspace_id = p_workspace_id), 0)
$$;
