-- shown_health: an endpoint's health as the API shows it: its state, since when and why; until when nothing
-- is delivered to it (null if that is over, or lasts until it is enabled by hand); whether it is on trial,
-- with one delivery at a time; its streak of failures. A slow-down is shown as long as it lasts.
-- last_success_at: only successes that were watched for, those after a failure.
-- plpgsql, because its plan is kept.
create or replace function kronos.shown_health(p_health kronos.endpoint_health, p_gate kronos.endpoint_gate)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_kept_off constant boolean := coalesce(p_health.state = 'DISABLED'
                                               or (p_health.state = 'SLOWED'
                                                   and p_gate.paused_until > kronos.now()), false);
    v_is_failing  constant boolean := not v_is_kept_off and coalesce(p_health.failures > 0, false);
begin
    return jsonb_build_object(
        'state', case when v_is_kept_off then p_health.state
                      when v_is_failing  then 'FAILING'
                      else 'HEALTHY' end,
        'since', kronos.iso(case when v_is_failing then p_health.failing_since else p_health.since end),
        'reason', case when v_is_kept_off then p_health.reason end,
        'until', case when v_is_kept_off and p_gate.paused_until > kronos.now()
                      then kronos.iso(nullif(p_gate.paused_until, 'infinity')) end,
        'on_trial', p_gate.trial_seconds is not null,
        'consecutive_failures', coalesce(p_health.failures, 0),
        'failing_since', kronos.iso(p_health.failing_since),
        'last_failure_at', kronos.iso(p_health.last_failure_at),
        'last_success_at', kronos.iso(p_health.last_success_at));
end
$$;
