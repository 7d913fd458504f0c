-- move_further: move_some of a calendar of the transaction's workspace: what a request does that changed it,
-- again and again, each in a transaction of its own.
-- Returns: how many jobs it got on with, and how many have still to follow.
create or replace function kronos.move_further(p_name text, out done integer, out jobs_left integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_document_id constant uuid := (select move.document_id
                                      from kronos.calendar_moves as move
                                     where move.workspace_id = kronos.current_workspace_id()
                                       and move.name = p_name);
begin
    done := kronos.move_some(v_document_id, 500);
    jobs_left := kronos.jobs_to_move(v_document_id);
end
$$;
