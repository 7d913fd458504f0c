-- note_outcomes: what the outcomes of attempts mean for their endpoints: the slots that they held are free
-- (p_hold_slots), and those of one endpoint together change its health. The worker's own errors count for
-- nothing, nor what was cancelled under way, nor failures of older versions of an endpoint: what was mended
-- by a new version is not held against it. A success of any version counts. An endpoint with both is as one
-- that succeeded.
-- The caller holds the locks of the gates. Those of their workspaces are locked before the first changes, in
-- ascending order: two batches would wait for each other.   Returns: how many endpoints there were.
create or replace function kronos.note_outcomes(p_endpoint_ids uuid[], p_versions integer[],
                                                p_statuses text[], p_errors jsonb[], p_slow_ms bigint[],
                                                p_are_gone boolean[], p_hold_slots boolean[])
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_told  record;
    v_count integer := 0;
begin
    if true = any (p_hold_slots) then
        perform
           from kronos.workspace_gate as tenant
          where tenant.workspace_id in (select gate.workspace_id
                                          from unnest(p_endpoint_ids, p_hold_slots)
                                                   as told (endpoint_id, holds_slot)
                                          join kronos.endpoint_gate as gate using (endpoint_id)
                                         where told.holds_slot)
          order by tenant.workspace_id
            for update;
    end if;
    for v_told in
        select outcome.endpoint_id, count(*) filter (where outcome.status = 'SUCCESS')::integer as successes,
               count(*) filter (where outcome.is_failure)::integer as failures,
               bool_or(outcome.status = 'SUCCESS'
                       or outcome.error ->> 'type' in ('http_status', 'redirect')) as is_answered,
               max(outcome.slow_ms) as slow_ms, bool_or(outcome.is_gone and outcome.is_failure) as is_gone,
               count(*) filter (where outcome.holds_slot)::integer as slots
          from (select told.*, told.status <> 'SUCCESS' and told.version >= endpoint.version
                               and coalesce(told.error ->> 'type', '')
                                   not in ('worker_stopped', 'internal', 'driver', 'cancelled') as is_failure
                  from unnest(p_endpoint_ids, p_versions, p_statuses, p_errors, p_slow_ms, p_are_gone,
                              p_hold_slots)
                           as told (endpoint_id, version, status, error, slow_ms, is_gone, holds_slot)
                  join kronos.endpoints as endpoint on endpoint.endpoint_id = told.endpoint_id) as outcome
         group by outcome.endpoint_id
         order by outcome.endpoint_id
    loop
        update kronos.endpoint_gate as gate
           set in_flight     = gate.in_flight - v_told.slots,
               paused_until  = case when followed.is_changed then followed.paused_until
                                    else gate.paused_until end,
               trial_seconds = case when followed.is_changed then followed.trial_seconds
                                    else gate.trial_seconds end
          from kronos.follow_endpoint(v_told.endpoint_id, v_told.successes, v_told.failures,
                                      v_told.is_answered, v_told.slow_ms, v_told.is_gone) as followed
         where gate.endpoint_id = v_told.endpoint_id
           and (followed.is_changed or v_told.slots > 0);
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
