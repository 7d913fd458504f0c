-- enable_endpoint: resumes deliveries to an endpoint of the transaction's workspace, whatever stopped them: a
-- 410, failures, a request to slow down, or a person. Its streak of failures starts over. An endpoint that
-- nothing stopped stays as it is. Locks the gate's row.
-- Returns: whether the endpoint exists.
create or replace function kronos.enable_endpoint(p_name text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_gate constant kronos.endpoint_gate := kronos.lock_gate(p_name);
begin
    if v_gate.endpoint_id is null then
        return false;
    end if;
    update kronos.endpoint_health
       set state = 'ACTIVE', since = case when state = 'ACTIVE' then since else kronos.clock() end,
           reason = null, is_watched = false, failures = 0, failing_since = null
     where endpoint_id = v_gate.endpoint_id;
    if found then
        update kronos.endpoint_gate
           set paused_until = '-infinity', trial_seconds = null
         where endpoint_id = v_gate.endpoint_id;
        perform pg_notify('kronos_work', v_gate.endpoint_id::text);
    end if;
    return true;
end
$$;
