-- note_live_letter: notes that an incident has changed because its alert could not be delivered or is tried
-- again. Not called while nobody listens.
create or replace function kronos.note_live_letter() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.note_live('incident', 'changed', array[told.workspace_id], told.incident_ids[1:1])
       from kronos.alert_notifications as told
      where told.execution_id = coalesce(new.execution_id, old.execution_id)
        and cardinality(told.incident_ids) > 0;
    return null;
end
$$;
create or replace trigger dead_letters_note_incidents
    after insert or delete on kronos.dead_letters for each row when (kronos.is_watched())
    execute function kronos.note_live_letter();
