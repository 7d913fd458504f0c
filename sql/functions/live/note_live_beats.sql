-- note_live_beats: notes heartbeats that a statement made or changed, or whose pointers it moved, as each
-- ping does, while somebody listens. As note_live_jobs.
create or replace function kronos.note_live_beats() returns trigger
language plpgsql
as $$
begin
    if kronos.is_watched() then
        perform kronos.note_live('heartbeat', tg_argv[0], array_agg(changed.workspace_id),
                                 array_agg(changed.heartbeat_id))
           from changed
         having count(*) > 0;
    end if;
    return null;
end
$$;
create or replace trigger beats_note_new
    after insert on kronos.beats referencing new table as changed
    for each statement execute function kronos.note_live_beats('created');
create or replace trigger beats_note_changed
    after update on kronos.beats referencing new table as changed
    for each statement execute function kronos.note_live_beats('changed');
create or replace trigger beat_pointers_note_changed
    after update on kronos.beat_pointers referencing new table as changed
    for each statement execute function kronos.note_live_beats('changed');
