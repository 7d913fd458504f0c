-- jobs_to_move: how many jobs have still to follow a calendar that was changed, or about so many. As the
-- caller, so row level security confines it.   Returns: 0 where all have.
create or replace function kronos.jobs_to_move(p_document_id uuid) returns integer
language sql stable
as $$
    select coalesce((select move.jobs_left
                       from kronos.calendar_moves as move
                      where move.document_id = p_document_id), 0)
$$;
