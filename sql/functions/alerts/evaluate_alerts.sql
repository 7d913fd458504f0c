-- evaluate_alerts: the task of the internal job alerts, and the only place where rules are judged. Whatever
-- ended since the last evaluation (take_ends), waits or runs too long now (find_stuck), or has not succeeded
-- for too long becomes an incident, and the incidents are reported (say_incidents). Runs every minute.
-- All in one transaction, under one lock: a second evaluation that runs meanwhile does nothing, and one that
-- crashes has done nothing. It reads no history, and only the jobs concerned. Rules that another session is
-- changing at this moment are left out, and so is whatever ended in their workspaces.
-- It takes about p_seconds at most, and less if nothing but new rules' jobs is left, because changes of rules
-- wait for it; the next evaluation does the rest.
-- Returns: counts, the execution's output.
create or replace function kronos.evaluate_alerts(p_seconds double precision default 5) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_until    constant timestamptz := kronos.clock() + make_interval(secs => p_seconds);
    v_rule_ids uuid[];
    v_step     record;
    v_taken    bigint;
    v_ends     bigint := 0;
    v_opened   bigint := 0;
    v_resolved bigint := 0;
    v_said     bigint;
begin
    if not pg_try_advisory_xact_lock(hashtext('kronos.evaluate_alerts')) then
        return jsonb_build_object('busy', true);
    end if;
    v_rule_ids := array(select rule.rule_id
                          from kronos.alert_rules as rule
                          join kronos.workspaces as workspace using (workspace_id)
                         where rule.is_enabled and workspace.status <> 'DELETED'
                           for share of rule skip locked);
    loop
        v_taken := kronos.take_ends(v_rule_ids, 2000);
        v_ends := v_ends + v_taken;
        exit when v_taken < 2000 or kronos.clock() >= v_until;
    end loop;
    perform kronos.find_stuck(v_rule_ids);
    perform kronos.enroll_jobs(v_rule_ids, 5000,
                               least(v_until, kronos.clock() + interval '2 seconds'));
    loop
        select * into v_step from kronos.judge_states(v_rule_ids, 2000);
        v_opened := v_opened + v_step.opened;
        v_resolved := v_resolved + v_step.resolved;
        exit when not v_step.is_left or kronos.clock() >= v_until;
    end loop;
    v_said := kronos.say_incidents(v_rule_ids);
    perform kronos.queue_notifications(1000);
    delete from kronos.alert_counts
     where ctid = any (array(select old.ctid
                               from kronos.alert_counts as old
                              where old.bucket_at < kronos.now() - interval '26 hours'
                              limit 20000));
    return jsonb_build_object('rules', cardinality(v_rule_ids), 'ends', v_ends, 'opened', v_opened,
                              'resolved', v_resolved, 'said', v_said);
end
$$;
