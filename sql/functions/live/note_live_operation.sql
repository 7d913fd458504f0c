-- note_live_operation: notes an operation, a backfill or a workspace's deletion that began, progressed or
-- ended, while anyone listens. A deletion outlives its workspace, so it is noted for the instance
-- (instance_id).
create or replace function kronos.note_live_operation() returns trigger
language plpgsql
as $$
declare
    v_workspace_id uuid;
    v_id           uuid;
begin
    if not kronos.is_watched() then
        return null;
    elsif tg_table_name = 'operations' then
        v_workspace_id := new.workspace_id;
        v_id := new.operation_id;
    elsif tg_table_name = 'backfills' then
        v_workspace_id := new.workspace_id;
        v_id := new.backfill_id;
    else
        v_workspace_id := kronos.instance_id();
        v_id := new.operation_id;
    end if;
    perform kronos.note_live('operation', case when new.status <> 'RUNNING' then 'finished'
                                               when tg_op = 'INSERT'        then 'created'
                                               else 'changed' end,
                             array[v_workspace_id], array[v_id]);
    return null;
end
$$;
create or replace trigger operations_note_new
    after insert on kronos.operations for each row execute function kronos.note_live_operation();
create or replace trigger operations_note_changed
    after update on kronos.operations for each row
    when (old.done <> new.done or old.failed <> new.failed or old.status <> new.status)
    execute function kronos.note_live_operation();
create or replace trigger backfills_note_new
    after insert on kronos.backfills for each row execute function kronos.note_live_operation();
create or replace trigger backfills_note_changed
    after update on kronos.backfills for each row
    when (old.created <> new.created or old.redriven <> new.redriven or old.left_out <> new.left_out
          or old.status <> new.status)
    execute function kronos.note_live_operation();
create or replace trigger deletions_note_new
    after insert on kronos.deletions for each row execute function kronos.note_live_operation();
create or replace trigger deletions_note_changed
    after update on kronos.deletions for each row
    when (old.done <> new.done or old.phase <> new.phase or old.status <> new.status)
    execute function kronos.note_live_operation();
