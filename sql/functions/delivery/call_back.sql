-- call_back: the callbacks of runs that have just ended, of jobs that have some, in the same transaction: so
-- each end of a run has its callback once, whatever crashes and whoever ends it. What goes to an endpoint is
-- an execution of its own, a one-shot without a row in jobs, so it has no callback itself. A run of another
-- job is noted as due: run_chained makes it, which may have to wait for that job.
-- An endpoint that was deleted meanwhile (the job is over, its last run was under way) has the callback among
-- its dead letters; so has a workspace whose executions a day are used up.
-- Locks the endpoints' rows, shared, ids ascending, as a foreign key locks them.
-- Returns: how many; workers are woken.
create or replace function kronos.call_back(p_execution_ids uuid[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    c_deleted constant jsonb := jsonb_build_object('code', 'endpoint_deleted',
                                                   'detail', 'the endpoint of the callback was deleted');
    v_callbacks bigint;
    v_are_counted constant boolean := kronos.has_daily_quota(null);
begin
    with called as materialized (
        select * from kronos.called_back(p_execution_ids)
    ), endpoint as materialized (
        select endpoint.endpoint_id, endpoint.version, endpoint.deleted_at
          from kronos.endpoints as endpoint
         where endpoint.endpoint_id = any (array(select called.endpoint_id from called))
         order by endpoint.endpoint_id
           for key share
    ), delivery as materialized (
        select called.*, endpoint.version, endpoint.deleted_at, made_of.max_attempts, made_of.max_crashes,
               made_of.timeout_ms,
               case when endpoint.deleted_at is not null then c_deleted
                    when v_are_counted
                    then kronos.quota_reason(kronos.take_executions(called.workspace_id, 1)) end as refusal
          from called
          join endpoint using (endpoint_id)
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
    ), noted as (
        insert into kronos.callbacks (execution_id, workspace_id, caused_by, caused_by_job_id, event, depth,
                                      endpoint_id, first_version_id, input, due_at)
        select execution_id, workspace_id, caused_by, caused_by_job_id, event, depth, endpoint_id,
               first_version_id, case when endpoint_id is null then input end,
               case when endpoint_id is null then kronos.now() end
          from called
    ), queued as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, scheduled_at, run_at, created_at, visible_at, max_attempts,
                                           max_crashes, timeout_ms, input)
        select execution_id, workspace_id, execution_id, endpoint_id, version, 'API', kronos.now(),
               kronos.now(), kronos.now(), kronos.now(), max_attempts, max_crashes, timeout_ms, input
          from delivery
         where refusal is null
    ), refused as (
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, status_reason, scheduled_at, run_at, created_at,
                                           completed_at, max_attempts, input, error)
        select execution_id, workspace_id, execution_id, endpoint_id, version, 'API', 'FAILED', refusal,
               kronos.now(), kronos.now(), kronos.now(), kronos.now(), max_attempts, input,
               jsonb_build_object('type', refusal -> 'code', 'message', refusal -> 'detail')
          from delivery
         where refusal is not null
    )
    select sum(target.callbacks) filter (where pg_notify('kronos_work', target.endpoint) is not null)
      into v_callbacks
      from (select coalesce(called.endpoint_id::text, '') as endpoint, count(*) as callbacks
              from called
             group by 1) as target;
    return v_callbacks;
end
$$;
