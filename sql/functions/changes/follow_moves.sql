-- follow_moves: makes jobs follow their changed calendars, if they still have to (kronos.calendar_moves). A
-- session that accounts for ticks up to an instant and then changes, pauses, resumes or ends the job goes by
-- its pointer; a tick that is due by the calendar's present version, but not by the pointer, would be lost.
-- The caller holds the rows' locks. If no calendar has changed, which is nearly always, this costs one read
-- of an empty table.
create or replace function kronos.follow_moves(p_job_ids uuid[]) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from kronos.calendar_moves) then
        perform kronos.place_again(array(select job.job_id
                                           from kronos.jobs as job
                                          where job.job_id = any (p_job_ids)
                                            and job.calendars <> '{}' and job.on_blackout <> 'SKIP'
                                            and exists (select from kronos.calendar_moves as move
                                                         where move.workspace_id = job.workspace_id
                                                           and move.name = any (job.calendars))));
    end if;
end
$$;
