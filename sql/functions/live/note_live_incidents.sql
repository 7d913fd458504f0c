-- note_live_incidents: notes incidents that a statement opened or changed, while somebody listens. As
-- note_live_jobs.
create or replace function kronos.note_live_incidents() returns trigger
language plpgsql
as $$
begin
    if kronos.is_watched() then
        perform kronos.note_live('incident', tg_argv[0], array_agg(changed.workspace_id),
                                 array_agg(changed.incident_id))
           from changed
         having count(*) > 0;
    end if;
    return null;
end
$$;
create or replace trigger incidents_note_new
    after insert on kronos.incidents referencing new table as changed
    for each statement execute function kronos.note_live_incidents('created');
create or replace trigger incidents_note_changed
    after update on kronos.incidents referencing new table as changed
    for each statement execute function kronos.note_live_incidents('changed');
