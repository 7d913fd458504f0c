-- queue_callbacks: creates the deliveries of callbacks to endpoints, by their ids. Each is a separate
-- execution, a one-shot without a row in jobs, so it has no callback itself. If the endpoint was deleted
-- meanwhile (the job has ended, its last run was under way), or the workspace's executions per day are used
-- up, it becomes a dead letter.
-- Locks the endpoints' rows, shared, as a foreign key locks them. Endpoints that another session has locked
-- exclusively are skipped, and so are callbacks while another session holds the last executions of the day:
-- it waits for no lock.
-- Returns: the callbacks processed. An endpoint whose row no longer exists gets nothing.
create or replace function kronos.queue_callbacks(p_execution_ids uuid[], p_workspace_ids uuid[],
                                                  p_endpoint_ids uuid[], p_inputs jsonb[])
returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    c_deleted constant jsonb := jsonb_build_object('code', 'endpoint_deleted',
                                                   'detail', 'the endpoint of the callback was deleted');
    v_are_counted constant boolean := kronos.has_daily_quota(null);
    v_done uuid[];
begin
    with wanted as materialized (
        select *
          from unnest(p_execution_ids, p_workspace_ids, p_endpoint_ids, p_inputs)
                   as wanted (execution_id, workspace_id, endpoint_id, input)
    ), endpoint as materialized (
        select endpoint.endpoint_id, endpoint.version, endpoint.deleted_at
          from kronos.endpoints as endpoint
         where endpoint.endpoint_id = any (p_endpoint_ids)
           for key share skip locked
    ), delivery as materialized (
        select wanted.*, endpoint.version, endpoint.deleted_at, made_of.max_attempts, made_of.max_crashes,
               made_of.timeout_ms,
               case when endpoint.deleted_at is not null then c_deleted
                    when v_are_counted
                    then kronos.quota_reason(kronos.take_executions(wanted.workspace_id, 1)) end as refusal
          from wanted
          join endpoint using (endpoint_id)
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
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
         where not refusal ? 'is_held'
    )
    select array_agg(execution_id) into v_done
      from wanted
     where execution_id in (select delivery.execution_id from delivery
                             where not coalesce(refusal ? 'is_held', false))
        or not exists (select from kronos.endpoints as kept where kept.endpoint_id = wanted.endpoint_id);
    return coalesce(v_done, '{}');
end
$$;
