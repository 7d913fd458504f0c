-- note_outcomes: applies the outcomes of attempts to their endpoints. The slots that they held are released
-- (p_hold_slots), all in one statement, because that locks the workspaces' gates in order
-- (count_in_workspaces). The outcomes of each endpoint together change its health, if one failed or the
-- endpoint is watched; an endpoint with successes and failures counts as successful.
-- The worker's own errors do not count, nor do deliveries cancelled under way, nor failures of older versions
-- of the endpoint, which a new version may have fixed. A success of any version counts. The caller holds the
-- locks of the gates.
-- Returns: the number of endpoints whose health changed, or might have.
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
    update kronos.endpoint_gate as gate
       set in_flight = gate.in_flight - freed.slots
      from (select told.endpoint_id, count(*)::integer as slots
              from unnest(p_endpoint_ids, p_hold_slots) as told (endpoint_id, holds_slot)
             where told.holds_slot
             group by told.endpoint_id) as freed
     where gate.endpoint_id = freed.endpoint_id;
    for v_told in
        select outcome.endpoint_id, count(*) filter (where outcome.status = 'SUCCESS')::integer as successes,
               count(*) filter (where outcome.is_failure)::integer as failures,
               bool_or(outcome.status = 'SUCCESS'
                       or outcome.error ->> 'type' in ('http_status', 'redirect')) as is_answered,
               max(outcome.slow_ms) as slow_ms, bool_or(outcome.is_gone and outcome.is_failure) as is_gone
          from (select told.*, told.status <> 'SUCCESS' and told.version >= endpoint.version
                               and coalesce(told.error ->> 'type', '')
                                   not in ('worker_stopped', 'internal', 'driver', 'cancelled')
                                   as is_failure
                  from unnest(p_endpoint_ids, p_versions, p_statuses, p_errors, p_slow_ms, p_are_gone)
                           as told (endpoint_id, version, status, error, slow_ms, is_gone)
                  join kronos.endpoints as endpoint on endpoint.endpoint_id = told.endpoint_id) as outcome
         group by outcome.endpoint_id
        having bool_or(outcome.status <> 'SUCCESS')
            or exists (select from kronos.endpoint_health as health
                        where health.endpoint_id = outcome.endpoint_id and health.is_watched)
         order by outcome.endpoint_id
    loop
        update kronos.endpoint_gate as gate
           set paused_until = followed.paused_until, trial_seconds = followed.trial_seconds
          from kronos.follow_endpoint(v_told.endpoint_id, v_told.successes, v_told.failures,
                                      v_told.is_answered, v_told.slow_ms, v_told.is_gone) as followed
         where gate.endpoint_id = v_told.endpoint_id
           and followed.is_changed;
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
