-- jobs_to_move: about how many jobs have yet to follow a changed calendar. Runs as the caller: row level
-- security applies.
-- Returns: 0 if all have.
create or replace function kronos.jobs_to_move(p_document_id uuid) returns integer
language sql stable
as $$
    select coalesce((select move.jobs_left
                       from kronos.calendar_moves as move
                      where move.document_id = p_document_id), 0)
$$;
