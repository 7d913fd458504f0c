-- called_back: the callbacks of runs that have ended, for jobs that have callbacks: the id of each callback's
-- execution, computed from the run's id and the time of its end; its target; and its input (null for a job's
-- run that uses the job's own input).
create or replace function kronos.called_back(p_execution_ids uuid[])
returns table (execution_id uuid, workspace_id uuid, caused_by uuid, caused_by_job_id uuid, event text,
               depth smallint, endpoint_id uuid, first_version_id uuid, input jsonb)
language plpgsql stable rows 50 set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    return query
        select kronos.tick_id(run.execution_id, kronos.now()), run.workspace_id, run.execution_id,
               run.job_id, called.event,
               (coalesce((select before.depth
                            from kronos.callbacks as before
                           where before.execution_id = run.execution_id
                           limit 1), 0) + 1)::smallint,
               (called.given ->> 'endpoint_id')::uuid, (called.given ->> 'first_version_id')::uuid,
               case when called.given ? 'endpoint_id' or called.given ->> 'input' = 'run'
                    then kronos.callback_input(run, called.event, job.name, job.title) end
          from kronos.done_among(p_execution_ids) as run
          join kronos.jobs as job on job.job_id = run.job_id
         cross join lateral (select 'on_success' as event, job.on_success as given
                              where run.status = 'SUCCESS'
                              union all
                             select 'on_failure', job.on_failure
                              where coalesce(job.on_failure -> 'statuses', '["FAILED", "EXPIRED"]')
                                    ? run.status) as called
         where called.given is not null;
end
$$;
