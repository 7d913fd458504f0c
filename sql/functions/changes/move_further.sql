-- move_further: move_some for a calendar of the transaction's workspace. The request that changed the
-- calendar calls it repeatedly, each time in a separate transaction.
-- Returns: the number of jobs processed, and the number that still have to follow.
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
