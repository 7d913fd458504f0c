-- begin_move: the live jobs that name a calendar, and do not skip what it closes, have to follow its version
-- that the transaction wrote: all of them anew where some had still to follow the one before. Of jobs that
-- skip closed ticks nothing has to be done: their pointers are their ticks. The first 200 follow at once
-- (move_some), so that few jobs and their calendar change together; the others after the commit. Jobs that
-- are held are not waited for, as who changes a job waits for its calendars.
-- Returns: how many jobs have still to follow.
create or replace function kronos.begin_move(p_document_id uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_calendar kronos.calendars;
    v_jobs     integer;
begin
    select * into strict v_calendar
      from kronos.calendars
     where document_id = p_document_id and workspace_id = kronos.current_workspace_id();
    v_jobs := (select count(*)
                 from kronos.jobs as job
                where job.workspace_id = v_calendar.workspace_id
                  and job.calendars @> array[v_calendar.name]
                  and job.calendars <> '{}' and job.on_blackout <> 'SKIP'
                  and job.status in ('ACTIVE', 'PAUSED'));
    delete from kronos.calendar_moves where document_id = p_document_id;
    if v_jobs > 0 then
        insert into kronos.calendar_moves (document_id, workspace_id, name, version, jobs_left)
        values (p_document_id, v_calendar.workspace_id, v_calendar.name, v_calendar.version, v_jobs);
        perform kronos.move_some(p_document_id, 200);
    end if;
    return kronos.jobs_to_move(p_document_id);
end
$$;
