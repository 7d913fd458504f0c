-- pause_job: pauses the ACTIVE CRON job that settle_ticks has just settled, and removes its entry. A PAUSED
-- job stays so, and takes the note and the end that were given (p_given: note, until); its actor is the last
-- caller who gave one.
-- Runs as the caller: row level security applies.
-- Returns: the job and the number of entries removed; no row if the job is neither ACTIVE nor PAUSED, or
-- nothing was given for a PAUSED one.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.pause_job(p_note text, p_until timestamptz, p_given text[], p_actor text)
returns table (job_id uuid, entries integer)
language plpgsql volatile security invoker rows 1 set search_path = pg_catalog, pg_temp
as $$
begin
    update kronos.jobs as job
       set status        = 'PAUSED',
           resume_at     = case when job.status = 'ACTIVE' or 'until' = any (p_given)
                                then p_until
                                else job.resume_at end,
           status_reason = jsonb_strip_nulls(jsonb_build_object(
                               'code', 'paused', 'detail', 'paused over the API',
                               'note', case when job.status = 'ACTIVE' or 'note' = any (p_given)
                                            then p_note
                                            else job.status_reason ->> 'note' end,
                               'actor', p_actor,
                               'at', case when job.status = 'ACTIVE' then kronos.iso(kronos.settled_at())
                                          else job.status_reason ->> 'at' end,
                               'until', kronos.iso(case when job.status = 'ACTIVE'
                                                          or 'until' = any (p_given)
                                                        then p_until
                                                        else job.resume_at end)))
     where job.job_id = kronos.settled_job_id()
       and job.workspace_id = kronos.current_workspace_id()
       and job.trigger = 'CRON'
       and (job.status = 'ACTIVE' or (job.status = 'PAUSED' and cardinality(p_given) > 0))
    returning job.job_id into job_id;
    if found then
        entries := kronos.unregister_pg_cron(job_id)::integer;
        return next;
    end if;
end
$$;
