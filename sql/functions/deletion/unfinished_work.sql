-- unfinished_work: the unfinished work in a workspace: its live jobs, its executions that have not ended, of
-- any job, and its RUNNING backfills. Live jobs are counted by their endpoints, so that finished ones are not
-- read.
-- Returns: one row.
create or replace function kronos.unfinished_work(p_workspace_id uuid, out jobs bigint, out executions bigint,
                                                  out backfills bigint)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select (select count(*)
              from kronos.endpoints as endpoint
              join kronos.jobs as job using (endpoint_id)
             where endpoint.workspace_id = p_workspace_id
               and job.status in ('ACTIVE', 'PAUSED'))
           + (select count(*)
                from kronos.execution_live as one_shot
               where one_shot.workspace_id = p_workspace_id
                 and one_shot.job_id = one_shot.execution_id
                 and not exists (select from kronos.jobs as job where job.job_id = one_shot.execution_id)),
           (select count(*) from kronos.execution_live as live where live.workspace_id = p_workspace_id),
           (select count(*)
              from kronos.backfills as backfill
             where backfill.workspace_id = p_workspace_id and backfill.status = 'RUNNING')
$$;
