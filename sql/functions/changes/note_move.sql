-- note_move: stores the progress of a calendar's move. Jobs that were due to follow but are locked, or
-- that failed, are left behind, and retried half a second later if no others are left. The row is deleted
-- when all jobs have followed.
create or replace function kronos.note_move(p_move kronos.calendar_moves, p_asked uuid[], p_held uuid[],
                                            p_moved integer, p_is_last boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_behind constant uuid[] := p_move.behind || array(select unnest(p_asked) except select unnest(p_held));
begin
    if p_is_last and v_behind = '{}' then
        delete from kronos.calendar_moves where document_id = p_move.document_id;
        return;
    end if;
    update kronos.calendar_moves
       set after_job_id = p_move.after_job_id, behind = v_behind, moved = moved + p_moved,
           jobs_left = greatest(jobs_left - cardinality(p_held), cardinality(v_behind), 1),
           next_at = case when p_is_last and p_held = '{}' then kronos.clock() + interval '0.5 seconds'
                          else '-infinity' end
     where document_id = p_move.document_id;
end
$$;
