-- note_made: the executions that a statement of the API has just made by hand, runs of jobs and tests of
-- endpoints, are rows of the audit (note_execution). It notes what it finds made by this very transaction in
-- its workspace, and nothing else.   Returns: how many.
create or replace function kronos.note_made(p_execution_ids uuid[]) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with made as materialized (
        select live.workspace_id, live.execution_id, live.job_id, live.priority, job.name as job,
               endpoint.name as endpoint, kronos.is_test(live.execution_id) as is_test
          from kronos.execution_live as live
          join kronos.endpoints as endpoint using (endpoint_id)
          left join kronos.jobs as job on job.job_id = live.job_id
         where live.execution_id = any (p_execution_ids)
           and live.workspace_id = kronos.current_workspace_id()
           and live.xmin = pg_current_xact_id()::xid
           and (live.cause = 'MANUAL' or kronos.is_test(live.execution_id))
    ), noted as materialized (
        select kronos.note_execution(made.workspace_id, case when made.is_test then 'test' else 'trigger' end,
                                     made.execution_id, case when made.is_test then made.endpoint else made.job end,
                                     jsonb_build_object('job_id', case when not made.is_test then made.job_id end,
                                                        'endpoint', made.endpoint,
                                                        'priority', made.priority)) as is_noted
          from made
    )
    select count(*) from noted
$$;
