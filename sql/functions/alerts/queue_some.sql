-- queue_some: creates the deliveries of notifications, which the caller holds, as queue_notifications says.
-- Endpoints that another session has locked exclusively are skipped; nothing is sent to an endpoint deleted
-- meanwhile.
-- Returns: the number of deliveries created; workers are woken.
create or replace function kronos.queue_some(p_execution_ids uuid[]) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_made bigint;
begin
    with due as materialized (
        select note.execution_id, note.workspace_id, note.endpoint_id, note.input, note.rule
          from kronos.alert_notifications as note
         where note.execution_id = any (p_execution_ids)
    ), endpoint as materialized (
        select endpoint.endpoint_id, endpoint.version, endpoint.deleted_at
          from kronos.endpoints as endpoint
         where endpoint.endpoint_id = any (array(select due.endpoint_id from due))
           for key share skip locked
    ), made as (
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, scheduled_at, run_at, created_at, visible_at, max_attempts,
                                           max_crashes, timeout_ms, input, created_by)
        select due.execution_id, due.workspace_id, due.execution_id, due.endpoint_id, endpoint.version, 'API',
               kronos.now(), kronos.now(), kronos.now(), kronos.now(), made_of.max_attempts,
               made_of.max_crashes, made_of.timeout_ms, due.input,
               jsonb_build_object('actor', 'alert-rule:' || due.rule)
          from due
          join endpoint using (endpoint_id)
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
         where endpoint.deleted_at is null
        returning endpoint_id
    ), done as (
        update kronos.alert_notifications as note
           set due_at = null, input = null
          from due
          left join endpoint using (endpoint_id)
         where note.execution_id = due.execution_id
           and (endpoint.endpoint_id is not null
                or not exists (select from kronos.endpoints as kept where kept.endpoint_id = due.endpoint_id))
    )
    select sum(woken.number) filter (where pg_notify('kronos_work', woken.endpoint_id::text) is not null)
      into v_made
      from (select made.endpoint_id, count(*) as number from made group by made.endpoint_id) as woken;
    return coalesce(v_made, 0);
end
$$;
