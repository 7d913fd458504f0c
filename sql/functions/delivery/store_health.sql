-- store_health: stores an endpoint's health after some of its attempts. No row is created for an endpoint
-- that has not failed. Its next success matters (is_watched) while it has failures, or is not ACTIVE for a
-- reason other than a person's decision or a 410. The caller holds the lock of the gate.
create or replace function kronos.store_health(
    p_health kronos.endpoint_health, p_gate kronos.endpoint_gate, p_state text, p_reason jsonb,
    p_has_succeeded boolean, p_has_failed boolean, p_now timestamptz
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_health.endpoint_id is null and p_state = 'ACTIVE' and not p_has_failed then
        return;
    end if;
    insert into kronos.endpoint_health as health (endpoint_id, workspace_id, state, since, reason, is_watched,
                                                  failures, failing_since, last_failure_at, last_success_at)
    values (p_gate.endpoint_id, p_gate.workspace_id, p_state,
            case when p_state is distinct from p_health.state
                      or p_reason ->> 'code' is distinct from p_health.reason ->> 'code'
                 then p_now else p_health.since end,
            p_reason,
            p_health.failures > 0 or p_state = 'SLOWED'
                or (p_state = 'DISABLED' and p_reason ->> 'code' = 'failing'),
            p_health.failures, p_health.failing_since,
            case when p_has_failed then p_now else p_health.last_failure_at end,
            case when p_has_succeeded then p_now else p_health.last_success_at end)
        on conflict (endpoint_id) do update
       set state = excluded.state, since = excluded.since, reason = excluded.reason,
           is_watched = excluded.is_watched, failures = excluded.failures,
           failing_since = excluded.failing_since, last_failure_at = excluded.last_failure_at,
           last_success_at = excluded.last_success_at;
end
$$;
