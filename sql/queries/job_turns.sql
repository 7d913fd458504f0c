-- name: cancel_job
-- Retires a live job, removes its pg_cron entry, cancels what waits, of its older versions too, and what runs
-- gets no other attempt. Where that is very much it is done by cancel_further (has_runs_left). No row:
-- nothing live to cancel.
select job_id, entries, coalesce(current_setting('kronos.has_runs_left', true), '') = 'on' as has_runs_left
  from kronos.cancel_job();

-- name: cancel_further
-- Some more of a cancelled job's executions end. One row: how many, 0 where nothing can be done at this
-- moment; and whether all have.
select done, is_over from kronos.cancel_further(%(job_id)s);

-- name: pause_job
-- An ACTIVE CRON job is paused and its entry removed. A PAUSED one stays so, and takes the note and the end
-- that were given (%(given)s); who gave one last is its actor. No row: neither, or nothing was given to a
-- PAUSED one.
with job as (
    update kronos.jobs
       set status        = 'PAUSED',
           resume_at     = case when status = 'ACTIVE' or 'until' = any (%(given)s::text[])
                                then %(until)s::timestamptz
                                else resume_at end,
           status_reason = jsonb_strip_nulls(jsonb_build_object(
                               'code', 'paused', 'detail', 'paused over the API',
                               'note', case when status = 'ACTIVE' or 'note' = any (%(given)s::text[])
                                            then %(note)s::text
                                            else status_reason ->> 'note' end,
                               'actor', %(actor)s::text,
                               'at', case when status = 'ACTIVE' then kronos.iso(kronos.settled_at())
                                          else status_reason ->> 'at' end,
                               'until', kronos.iso(case when status = 'ACTIVE'
                                                          or 'until' = any (%(given)s::text[])
                                                        then %(until)s::timestamptz
                                                        else resume_at end)))
     where job_id = kronos.settled_job_id()
       and workspace_id = kronos.current_workspace_id()
       and trigger = 'CRON'
       and (status = 'ACTIVE' or (status = 'PAUSED' and cardinality(%(given)s::text[]) > 0))
    returning job_id
), unregistered as materialized (
    select kronos.unregister_pg_cron(job_id) as was_there from job
)
select job.job_id, (select count(was_there) from unregistered)::integer as entries from job;

-- name: resume_job
-- No row: not a PAUSED job. The ticks of the pause were recorded as skipped by settle_ticks, just before. No
-- entry while the workspace is suspended.
with job as (
    update kronos.jobs
       set status = 'ACTIVE', status_reason = null, resume_at = null
     where job_id = kronos.settled_job_id()
       and workspace_id = kronos.current_workspace_id()
       and status = 'PAUSED'
    returning job_id
), registered as materialized (
    select kronos.register_pg_cron(job.job_id) as jobid
      from job
     where exists (select from kronos.workspaces as workspace
                    where workspace.workspace_id = kronos.current_workspace_id()
                      and workspace.status = 'ACTIVE')
)
select job.job_id, (select count(jobid) from registered)::integer as entries from job;

-- name: skip_next_ticks
-- How many of the ticks to come are skipped, in place of what was said before; those that are due were
-- accounted for by settle_ticks, just before. No row: not a live CRON job.
update kronos.jobs
   set skip_next = %(count)s
 where job_id = kronos.settled_job_id()
   and workspace_id = kronos.current_workspace_id()
   and trigger = 'CRON'
   and status in ('ACTIVE', 'PAUSED')
returning job_id, 0 as entries;
