-- begin_move: makes the live jobs that name a calendar follow the version that this transaction wrote. Only
-- jobs that move closed ticks have to follow; a job that skips them needs nothing, because its pointer is its
-- tick. If some jobs still had to follow the previous version, all start over.
-- The first 200 follow immediately (move_some), so that a few jobs and their calendar change together; the
-- others follow after the commit. Jobs that are locked are not waited for, because a session that changes a
-- job waits for its calendars.
-- Returns: the number of jobs that still have to follow.
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
    v_jobs := kronos.jobs_of_calendar(v_calendar.workspace_id, v_calendar.name);
    delete from kronos.calendar_moves where document_id = p_document_id;
    if v_jobs > 0 then
        insert into kronos.calendar_moves (document_id, workspace_id, name, version, jobs_left)
        values (p_document_id, v_calendar.workspace_id, v_calendar.name, v_calendar.version, v_jobs);
        perform kronos.move_some(p_document_id, 200);
    end if;
    return kronos.jobs_to_move(p_document_id);
end
$$;
