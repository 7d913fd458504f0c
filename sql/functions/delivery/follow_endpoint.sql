-- follow_endpoint: updates an endpoint after some of its attempts: its streak of failures, and its state:
--
--   ACTIVE    until a response slows it down or reports that it is gone, or only failures came for as long
--             as its retry policy allows (disable_after_seconds, disable_after_attempts)
--   SLOWED    nothing is delivered until the instant; then one delivery at a time, until one is answered
--   DISABLED  failing: one delivery every probe_seconds, until one succeeds; gone, by_hand: nothing
--
-- A success that was under way when the endpoint was disabled for its failures enables it, as a trial
-- delivery does. An endpoint that was slowed down stays so until the instant, whatever else arrives.
-- The caller holds the lock of the gate, and changes it.
-- Returns: whether the gate changes, and to what.
create or replace function kronos.follow_endpoint(
    p_endpoint_id uuid, p_successes integer, p_failures integer, p_is_answered boolean, p_slow_ms bigint,
    p_is_gone boolean, out is_changed boolean, out paused_until timestamptz, out trial_seconds integer
)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now    constant timestamptz := kronos.clock();
    v_gate   kronos.endpoint_gate;
    v_health kronos.endpoint_health;
    v_rule   record;
    v_reason jsonb;
    v_state  text;
begin
    select * into v_health from kronos.endpoint_health as health where health.endpoint_id = p_endpoint_id;
    select * into strict v_gate from kronos.endpoint_gate as gate where gate.endpoint_id = p_endpoint_id;
    v_rule := kronos.disabling_rule(p_endpoint_id);
    if p_successes > 0 or v_health.failing_since < v_rule.since then      -- an older version's streak
        v_health.failures := 0;
        v_health.failing_since := null;
    end if;
    v_health.failures := least(coalesce(v_health.failures, 0)::bigint
                               + case when p_successes = 0 then p_failures else 0 end, 2147483647);
    v_health.failing_since := coalesce(v_health.failing_since,
                                       case when v_health.failures > 0 then v_now end);
    v_state := coalesce(v_health.state, 'ACTIVE');
    v_reason := v_health.reason;
    is_changed := true;
    if v_state = 'DISABLED' and v_reason ->> 'code' <> 'failing' then
        is_changed := false;
    elsif p_is_gone then
        v_state := 'DISABLED';
        v_reason := '{"code": "gone", "detail": "the endpoint answered 410 (gone), which is permanent"}';
        paused_until := 'infinity';
    elsif v_state = 'DISABLED' and p_successes = 0 then
        is_changed := p_slow_ms > 0;
        paused_until := greatest(v_gate.paused_until, v_now + make_interval(secs => p_slow_ms / 1000.0));
        trial_seconds := v_gate.trial_seconds;
    elsif v_state <> 'DISABLED' and p_failures > 0 and v_health.failures >= v_rule.attempts
    and v_health.failing_since <= v_now - make_interval(secs => v_rule.seconds) then
        v_state := 'DISABLED';
        v_reason := jsonb_build_object(
            'code', 'failing', 'failing_since', kronos.iso(v_health.failing_since), 'detail',
            format('only failures since %s, %s in a row (disable_after_seconds: %s)',
                   kronos.iso(v_health.failing_since), kronos.counted(v_health.failures, 'attempt'),
                   v_rule.seconds));
        paused_until := greatest(v_gate.paused_until, v_now + make_interval(secs => p_slow_ms / 1000.0),
                                 coalesce(v_now + make_interval(secs => v_rule.probe_seconds), 'infinity'));
        trial_seconds := v_rule.probe_seconds;
    elsif v_state <> 'DISABLED' and p_slow_ms > 0 then
        v_state := 'SLOWED';
        v_reason := '{"code": "slow_down", "detail": "a response asked for fewer deliveries (429, 503)"}';
        paused_until := greatest(v_gate.paused_until, v_now + make_interval(secs => p_slow_ms / 1000.0));
        trial_seconds := 0;
    elsif v_state = 'DISABLED' or (v_state = 'SLOWED' and v_gate.paused_until <= v_now and p_is_answered) then
        v_state := 'ACTIVE';
        v_reason := null;
        paused_until := '-infinity';
        perform pg_notify('kronos_work', p_endpoint_id::text);
    else
        is_changed := false;
    end if;
    perform kronos.store_health(v_health, v_gate, v_state, v_reason, p_successes > 0, p_failures > 0, v_now);
end
$$;
