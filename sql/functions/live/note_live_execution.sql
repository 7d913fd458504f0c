-- note_live_execution: notes an execution that was changed other than by a claim; claims note themselves
-- (claim_executions), because a trigger with all rows of the statement costs 1 us more per row, with or
-- without listeners.
create or replace function kronos.note_live_execution() returns trigger
language plpgsql
as $$
begin
    if kronos.is_watched() then
        perform kronos.note_live('execution', 'changed', array[new.workspace_id], array[new.execution_id]);
    end if;
    return null;
end
$$;
create or replace trigger execution_live_notes_changed
    after update on kronos.execution_live
    for each row when (old.claim_token is not null or new.claim_token is null)
    execute function kronos.note_live_execution();
