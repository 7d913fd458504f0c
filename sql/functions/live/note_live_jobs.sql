-- note_live_jobs: notes jobs that a statement made or changed, or whose pointers it moved, while somebody
-- listens. As note_live_executions.
create or replace function kronos.note_live_jobs() returns trigger
language plpgsql
as $$
begin
    if kronos.is_watched() then
        perform kronos.note_live('job', tg_argv[0], array_agg(changed.workspace_id),
                                 array_agg(changed.job_id))
           from changed
         having count(*) > 0;
        if tg_argv[0] = 'created' then      -- note_new_job writes their audit
            perform kronos.note_live_audit(array_agg(distinct changed.workspace_id order by workspace_id))
               from changed
              where changed.trigger = 'CRON'
             having count(*) > 0;
        end if;
    end if;
    return null;
end
$$;
create or replace trigger jobs_note_new
    after insert on kronos.jobs referencing new table as changed
    for each statement execute function kronos.note_live_jobs('created');
create or replace trigger jobs_note_changed
    after update on kronos.jobs referencing new table as changed
    for each statement execute function kronos.note_live_jobs('changed');
create or replace trigger pointers_note_next_run
    after update on kronos.pointers referencing new table as changed
    for each statement execute function kronos.note_live_jobs('next_run');
