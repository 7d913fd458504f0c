-- follow_moves: has jobs follow their calendars that were changed, where that is still to be done of them
-- (kronos.calendar_moves): who accounts for ticks up to an instant and then changes, pauses, resumes or ends
-- the job goes by its pointer, and a tick that is due by the present version, but not by the pointer, would
-- be nobody's after it. The caller holds the rows' locks. Where no calendar has changed, which is nearly
-- always, one look at an empty table.
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
