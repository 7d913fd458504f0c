-- alert_input: the input that an endpoint receives about the incidents of one rule; docs/alerts.md lists the
-- fields. It has the first twenty incidents, and their number. For receivers that keep one alert per rule,
-- event_action depends on the rule's incidents that are still open: trigger, or resolve if there are none.
create or replace function kronos.alert_input(p_rule kronos.alert_rules, p_event text, p_incident_ids uuid[])
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set jit = off
as $$
    with shown as (
        select incident.*, row_number() over (order by incident.opened_at, incident.incident_id) as nth
          from kronos.incidents as incident
         where incident.incident_id = any (p_incident_ids[1:20])
    ), listed as (
        select jsonb_agg(jsonb_build_object(
                   'incident_id', incident_id,
                   'subject', jsonb_build_object('kind', lower(kind), 'id', subject_id, 'name', subject),
                   'detail', detail, 'execution_id', execution_id, 'opened_at', kronos.iso(opened_at),
                   'resolved_at', kronos.iso(resolved_at)) order by nth) as incidents,
               (array_agg(coalesce(subject, lower(kind)) || ': ' || detail order by nth))[1] as first
          from shown
    ), said as (
        select workspace.slug, listed.*, cardinality(p_incident_ids) as number,
               (select count(*)
                  from kronos.incidents as open
                 where open.rule_id = p_rule.rule_id and open.status <> 'RESOLVED') as still_open
          from listed
          join kronos.workspaces as workspace on workspace.workspace_id = p_rule.workspace_id
    )
    select jsonb_build_object(
               'event', p_event, 'workspace', slug, 'rule', p_rule.name, 'severity', p_rule.severity,
               'condition', p_rule.condition, 'count', number, 'open', still_open, 'incidents', incidents,
               'at', kronos.iso(kronos.now()),
               'text', format('%s %s/%s: %s%s',
                              case p_event when 'RESOLVED' then 'Recovered:'
                                           else '[' || p_rule.severity || ']' end,
                              slug, p_rule.name, first,
                              case when number > 1 then format(' (and %s more)', number - 1) else '' end),
               'event_action', case when still_open = 0 then 'resolve' else 'trigger' end,
               'pagerduty_severity', lower(p_rule.severity),
               'dedup_key', format('kronos/%s/%s', slug, p_rule.name))
      from said
$$;
