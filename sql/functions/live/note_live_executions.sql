-- note_live_executions: notes executions that a statement created, while anyone listens. No search_path
-- setting, which would cost each creation more than the rest of it: all names are qualified.
create or replace function kronos.note_live_executions() returns trigger
language plpgsql
as $$
begin
    if kronos.is_watched() then
        perform kronos.note_live('execution', 'created', array_agg(changed.workspace_id),
                                 array_agg(changed.execution_id))
           from changed
         having count(*) > 0;
    end if;
    return null;
end
$$;
create or replace trigger execution_live_notes_new
    after insert on kronos.execution_live referencing new table as changed
    for each statement execute function kronos.note_live_executions();
