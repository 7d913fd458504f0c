-- evaluate_alerts: the task of the internal job alerts, and the only place where rules are judged. Whatever
-- ended since the last evaluation (take_ends), waits or runs too long now (find_stuck), or has not succeeded
-- for too long becomes an incident, and the incidents are reported (say_incidents). Runs every minute.
-- All in one transaction, under one lock: a second evaluation that runs meanwhile does nothing, and one that
-- crashes has done nothing. It reads no history, and only the jobs concerned. Rules that another session is
-- changing at this moment are left out, and so is whatever ended in their workspaces. A workspace whose rules
-- cannot be judged stops no other (judge_each), nor does a notification that cannot be sent (queue_each).
-- It takes about p_seconds at most, and less if nothing but new rules' jobs is left, because changes of rules
-- wait for it; the next evaluation does the rest.
-- Returns: counts, the execution's output.
create or replace function kronos.evaluate_alerts(p_seconds double precision default 5) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_until    constant timestamptz := kronos.clock() + make_interval(secs => p_seconds);
    v_rule_ids uuid[];
    v_judged   record;
begin
    if not pg_try_advisory_xact_lock(hashtext('kronos.evaluate_alerts')) then
        return jsonb_build_object('busy', true);
    end if;
    v_rule_ids := array(select rule.rule_id
                          from kronos.alert_rules as rule
                          join kronos.workspaces as workspace using (workspace_id)
                         where rule.is_enabled and workspace.status <> 'DELETED'
                           for share of rule skip locked);
    select * into v_judged from kronos.judge_each(v_rule_ids, v_until);
    perform kronos.queue_notifications(1000);
    delete from kronos.alert_counts
     where ctid = any (array(select old.ctid
                               from kronos.alert_counts as old
                              where old.bucket_at < kronos.now() - interval '26 hours'
                              limit 20000));
    return jsonb_build_object('rules', cardinality(v_rule_ids), 'ends', v_judged.ends,
                              'opened', v_judged.opened, 'resolved', v_judged.resolved,
                              'said', v_judged.said)
           || case when v_judged.unreached = 0 then '{}'
                   else jsonb_build_object('unreached_workspaces', v_judged.unreached) end
           || case when v_judged.errors = '[]' then '{}'
                   else jsonb_build_object('errors', jsonb_path_query_array(v_judged.errors, '$[0 to 99]'))
              end;
end
$$;
