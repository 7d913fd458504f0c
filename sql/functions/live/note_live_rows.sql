-- note_live_rows: notes rows of a table that a statement created or changed, while anyone listens: jobs,
-- heartbeats, incidents, and jobs and heartbeats whose pointers it moved, as each ring and each ping does.
-- Its arguments: the kind of object, the column with the ids, and the change. The column is named at run
-- time, which costs 0.03 ms, and nothing without listeners. Executions, which are created by the thousand,
-- have their own function (note_live_executions).
create or replace function kronos.note_live_rows() returns trigger
language plpgsql
as $$
declare
    v_workspace_ids uuid[];
    v_ids           uuid[];
begin
    if kronos.is_watched() then
        execute format('select array_agg(workspace_id), array_agg(%I) from changed', tg_argv[1])
           into v_workspace_ids, v_ids;
        if v_ids is not null then
            perform kronos.note_live(tg_argv[0], tg_argv[2], v_workspace_ids, v_ids);
        end if;
        if tg_argv[0] = 'job' and tg_argv[2] = 'created' then      -- note_new_job writes their audit
            execute $x$select array_agg(distinct workspace_id order by workspace_id)
                         from changed
                        where trigger = 'CRON'$x$
               into v_workspace_ids;
            if v_workspace_ids is not null then
                perform kronos.note_live_audit(v_workspace_ids);
            end if;
        end if;
    end if;
    return null;
end
$$;
create or replace trigger jobs_note_new
    after insert on kronos.jobs referencing new table as changed
    for each statement execute function kronos.note_live_rows('job', 'job_id', 'created');
create or replace trigger jobs_note_changed
    after update on kronos.jobs referencing new table as changed
    for each statement execute function kronos.note_live_rows('job', 'job_id', 'changed');
create or replace trigger pointers_note_next_run
    after update on kronos.pointers referencing new table as changed
    for each statement execute function kronos.note_live_rows('job', 'job_id', 'next_run');
create or replace trigger beats_note_new
    after insert on kronos.beats referencing new table as changed
    for each statement execute function kronos.note_live_rows('heartbeat', 'heartbeat_id', 'created');
create or replace trigger beats_note_changed
    after update on kronos.beats referencing new table as changed
    for each statement execute function kronos.note_live_rows('heartbeat', 'heartbeat_id', 'changed');
create or replace trigger beat_pointers_note_changed
    after update on kronos.beat_pointers referencing new table as changed
    for each statement execute function kronos.note_live_rows('heartbeat', 'heartbeat_id', 'changed');
create or replace trigger incidents_note_new
    after insert on kronos.incidents referencing new table as changed
    for each statement execute function kronos.note_live_rows('incident', 'incident_id', 'created');
create or replace trigger incidents_note_changed
    after update on kronos.incidents referencing new table as changed
    for each statement execute function kronos.note_live_rows('incident', 'incident_id', 'changed');
