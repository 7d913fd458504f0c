-- delete_notes: a step of a deletion: goes through the two tables without an index on the workspace,
-- callbacks and then history_weeks, in the order of their keys. Each row is read once.
-- Returns: the deletion's progress.
create or replace function kronos.delete_notes(p_deletion kronos.deletions, p_limit integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_last uuid;
    v_seen integer;
begin
    if p_deletion.after_status = '' then
        select (array_agg(next.execution_id order by next.execution_id desc))[1], count(*) into v_last, v_seen
          from (select callback.execution_id from kronos.callbacks as callback
                 where callback.execution_id > p_deletion.after_id
                 order by callback.execution_id
                 limit p_limit) as next;
        delete from kronos.callbacks as callback
         where callback.execution_id > p_deletion.after_id and callback.execution_id <= v_last
           and callback.workspace_id = p_deletion.deleted_id;
    else
        select (array_agg(next.subject_id order by next.subject_id desc))[1], count(*) into v_last, v_seen
          from (select note.subject_id from kronos.history_weeks as note
                 where note.subject_id > p_deletion.after_id
                 order by note.subject_id
                 limit p_limit) as next;
        delete from kronos.history_weeks as note
         where note.subject_id > p_deletion.after_id and note.subject_id <= v_last
           and note.workspace_id = p_deletion.deleted_id;
    end if;
    if v_seen = p_limit then
        p_deletion.after_id := v_last;
        return p_deletion;
    elsif p_deletion.after_status = '' then
        p_deletion := kronos.next_phase(p_deletion, 'NOTES');
        p_deletion.after_status := 'history_weeks';
        return p_deletion;
    end if;
    return kronos.next_phase(p_deletion, 'REST');
end
$$;
