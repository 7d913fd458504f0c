-- call_back: creates the callbacks of runs that have just ended, for jobs that have callbacks, in the same
-- transaction: so each end of a run has its callback exactly once, whatever crashes and whatever ended the
-- run. Deliveries to endpoints are created immediately (queue_callbacks). Runs of other jobs are noted as
-- due, and so are deliveries to an endpoint whose row is locked, or while another session holds the last
-- executions of the workspace's day; run_chained creates those. So no end of a run waits for either.
-- Returns: the number of callbacks; workers are woken.
create or replace function kronos.call_back(p_execution_ids uuid[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_callbacks bigint;
begin
    with called as materialized (
        select * from kronos.called_back(p_execution_ids)
    ), queued as materialized (
        select kronos.queue_callbacks(array_agg(execution_id), array_agg(workspace_id),
                                      array_agg(endpoint_id), array_agg(input)) as ids
          from called
         where endpoint_id is not null
    ), target as materialized (
        select called.*, called.execution_id = any (coalesce(queued.ids, '{}')) as is_made
          from called, queued
    ), noted as (
        insert into kronos.callbacks (execution_id, workspace_id, caused_by, caused_by_job_id, event, depth,
                                      endpoint_id, first_version_id, input, due_at)
        select execution_id, workspace_id, caused_by, caused_by_job_id, event, depth, endpoint_id,
               first_version_id, case when not is_made then input end,
               case when not is_made then kronos.now() end
          from target
    )
    select sum(woken.callbacks) filter (where pg_notify('kronos_work', woken.endpoint) is not null)
      into v_callbacks
      from (select case when is_made then target.endpoint_id::text else '' end as endpoint,
                   count(*) as callbacks
              from target
             group by 1) as woken;
    return v_callbacks;
end
$$;
