-- say_incidents: notifies the endpoints of each rule of what has happened since its last notification: one
-- notification for all incidents of the rule that opened, one for those that are repeated, one for those that
-- are resolved. Acknowledged incidents are not repeated; snoozed ones are repeated when the snooze ends. A
-- rule that names no endpoint sends no notification. Incidents that another session is changing are skipped;
-- the next evaluation reports them.
-- Returns: the number of notifications to create.
create or replace function kronos.say_incidents(p_rule_ids uuid[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_notifications bigint;
begin
    update kronos.incidents as incident
       set say = 'REPEATED', repeat_at = null
      from (select due.incident_id
              from kronos.incidents as due
             where due.repeat_at <= kronos.now()
               and due.status = 'OPEN'
               and due.rule_id = any (p_rule_ids)
               and exists (select
                             from kronos.workspaces as workspace
                            where workspace.workspace_id = due.workspace_id and workspace.status = 'ACTIVE')
               for update of due skip locked) as due
     where incident.incident_id = due.incident_id;
    with wanted as materialized (
        select incident.incident_id, incident.rule_id, incident.say, incident.opened_at
          from kronos.incidents as incident
         where incident.say is not null and incident.rule_id = any (p_rule_ids)
           for update skip locked
    ), said as (
        update kronos.incidents as incident
           set say = null, said_at = kronos.now(), times_said = incident.times_said + 1,
               repeat_at = case when incident.status <> 'OPEN' then null
                                when incident.snoozed_until > kronos.now() then incident.snoozed_until
                                else kronos.now() + rule.repeat_seconds * interval '1 second' end
          from wanted
          join kronos.alert_rules as rule using (rule_id)
         where incident.incident_id = wanted.incident_id
    ), grouped as materialized (
        select rule_id, say, array_agg(incident_id order by opened_at, incident_id) as ids
          from wanted
         group by rule_id, say
    ), noted as (
        insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id,
                                                incident_ids, input, made_at, due_at)
        select kronos.uuid7(), rule.workspace_id, rule.rule_id, rule.name, grouped.say, told.endpoint_id,
               grouped.ids[1:1000], kronos.alert_input(rule, grouped.say, grouped.ids), kronos.now(),
               kronos.now()
          from grouped
          join kronos.alert_rules as rule using (rule_id)
         cross join lateral unnest(rule.tell) as told (endpoint_id)
        returning 1
    )
    select count(*) into v_notifications from noted;
    return v_notifications;
end
$$;
