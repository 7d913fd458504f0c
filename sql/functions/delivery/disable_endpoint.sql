-- disable_endpoint: stops deliveries to an endpoint of the transaction's workspace until it is enabled by
-- hand, for p_reason (by whom, with what note). Deliveries under way are not affected. An endpoint already
-- disabled by a person keeps that time, and its reason unless p_reason has a note. Locks the gate's row.
-- Returns: whether the endpoint exists.
create or replace function kronos.disable_endpoint(p_name text, p_reason jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_gate constant kronos.endpoint_gate := kronos.lock_gate(p_name);
begin
    if v_gate.endpoint_id is null then
        return false;
    end if;
    insert into kronos.endpoint_health as health (endpoint_id, workspace_id, state, since, reason)
    values (v_gate.endpoint_id, v_gate.workspace_id, 'DISABLED', kronos.clock(), p_reason)
        on conflict (endpoint_id) do update
       set state = 'DISABLED', reason = p_reason,
           since = case when health.state = 'DISABLED' and health.reason ->> 'code' = 'by_hand'
                        then health.since
                        else kronos.clock() end,
           is_watched = health.failures > 0
     where health.state <> 'DISABLED' or health.reason ->> 'code' <> 'by_hand' or p_reason ? 'note';
    update kronos.endpoint_gate
       set paused_until = 'infinity', trial_seconds = null
     where endpoint_id = v_gate.endpoint_id;
    return true;
end
$$;
