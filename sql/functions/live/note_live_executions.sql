-- note_live_executions: notes executions that a statement made, changed or ended, while somebody listens.
-- No search_path of its own, which would cost each delivery more than the rest of it: all names are whole.
create or replace function kronos.note_live_executions() returns trigger
language plpgsql
as $$
begin
    if kronos.is_watched() then
        perform kronos.note_live('execution', tg_argv[0], array_agg(changed.workspace_id),
                                 array_agg(changed.execution_id))
           from changed
         having count(*) > 0;
    end if;
    return null;
end
$$;
create or replace trigger execution_live_notes_new
    after insert on kronos.execution_live referencing new table as changed
    for each statement execute function kronos.note_live_executions('created');
create or replace trigger execution_live_notes_changed
    after update on kronos.execution_live referencing new table as changed
    for each statement execute function kronos.note_live_executions('changed');
create or replace trigger execution_done_notes_ended
    after insert on kronos.execution_done referencing new table as changed
    for each statement execute function kronos.note_live_executions('finished');
