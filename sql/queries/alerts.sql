-- name: find_named
-- Endpoints that a rule notifies, and the job or endpoint that it selects, if they do not exist; and the
-- number of other rules. One row.
select array(select told.name
               from unnest(%(tell)s::text[]) as told (name)
              where not exists (select
                                  from kronos.endpoints as endpoint
                                 where endpoint.workspace_id = kronos.current_workspace_id()
                                   and endpoint.name = told.name
                                   and endpoint.type <> 'INTERNAL'
                                   and endpoint.deleted_at is null)) as absent,
       case %(selector)s::text
           when 'JOB' then exists (select from kronos.jobs as job
                                    where job.workspace_id = kronos.current_workspace_id()
                                      and job.job_id = kronos.find_job(%(selected)s))
           when 'ENDPOINT' then exists (select
                                          from kronos.endpoints as endpoint
                                         where endpoint.workspace_id = kronos.current_workspace_id()
                                           and endpoint.name = %(selected)s
                                           and endpoint.deleted_at is null)
           when 'HEARTBEAT' then exists (select
                                           from kronos.beats as beat
                                          where beat.workspace_id = kronos.current_workspace_id()
                                            and beat.name = %(selected)s
                                            and beat.deleted_at is null)
           else true end as is_selected_there,
       (select count(*)::integer
          from kronos.alert_rules as rule
         where rule.workspace_id = kronos.current_workspace_id() and rule.name <> %(name)s) as others;

-- name: insert_alert_rule
-- No row: the name is taken, or an endpoint that it notifies was deleted meanwhile.
with told as materialized (
    select array_agg(endpoint.endpoint_id) as ids
      from (select each.endpoint_id
              from kronos.endpoints as each
             where each.workspace_id = kronos.current_workspace_id()
               and each.name = any (%(tell)s::text[])
               and each.deleted_at is null
               for key share) as endpoint
)
insert into kronos.alert_rules (workspace_id, name, is_enabled, severity, selector, selected, per, condition,
                                says_recovered, repeat_seconds, tell, created_at, updated_at)
select kronos.current_workspace_id(), %(name)s, %(enabled)s, %(severity)s, %(selector)s, %(selected)s,
       %(per)s, %(condition)s, %(recovered)s, %(repeat_seconds)s, coalesce(told.ids, '{}'), kronos.now(),
       kronos.now()
  from told
 where cardinality(coalesce(told.ids, '{}')) = cardinality(%(tell)s::text[])
    on conflict (workspace_id, name) do nothing
returning rule_id;

-- name: replace_alert_rule
-- Store the next version. No row: there is no such rule, %(if_match)s or %(if_none_match)s exclude its
-- version, or an endpoint that it notifies was deleted meanwhile.
with told as materialized (
    select array_agg(endpoint.endpoint_id) as ids
      from (select each.endpoint_id
              from kronos.endpoints as each
             where each.workspace_id = kronos.current_workspace_id()
               and each.name = any (%(tell)s::text[])
               and each.deleted_at is null
               for key share) as endpoint
)
update kronos.alert_rules as rule
   set is_enabled = %(enabled)s, severity = %(severity)s, selector = %(selector)s, selected = %(selected)s,
       per = %(per)s, condition = %(condition)s, says_recovered = %(recovered)s,
       repeat_seconds = %(repeat_seconds)s::integer, tell = coalesce(told.ids, '{}'),
       version = rule.version + 1, updated_at = kronos.now()
  from told
 where rule.workspace_id = kronos.current_workspace_id()
   and rule.name = %(name)s
   and (%(if_match)s::integer[] is null or rule.version = any (%(if_match)s::integer[]))
   and rule.version <> all (%(if_none_match)s::integer[])
   and cardinality(coalesce(told.ids, '{}')) = cardinality(%(tell)s::text[])
returning rule.rule_id;

-- name: get_alert_rules
-- The rules with these names; no row for a name that does not exist.
select rule.name, workspace.slug as workspace, rule.version, rule.is_enabled as enabled, rule.severity,
       case rule.selector when 'WORKSPACE' then '{}'::jsonb
                          else jsonb_build_object(lower(rule.selector), rule.selected) end as selects,
       rule.per, rule.condition,
       array(select endpoint.name from kronos.endpoints as endpoint
              where endpoint.endpoint_id = any (rule.tell) order by endpoint.name) as tell,
       rule.says_recovered as recovered, rule.repeat_seconds, rule.created_at, rule.updated_at
  from kronos.alert_rules as rule
  join kronos.workspaces as workspace using (workspace_id)
 where rule.workspace_id = kronos.current_workspace_id() and rule.name = any (%(names)s::text[]);

-- name: list_alert_rules
select rule.name, workspace.slug as workspace, rule.version, rule.is_enabled as enabled, rule.severity,
       case rule.selector when 'WORKSPACE' then '{}'::jsonb
                          else jsonb_build_object(lower(rule.selector), rule.selected) end as selects,
       rule.per, rule.condition,
       array(select endpoint.name from kronos.endpoints as endpoint
              where endpoint.endpoint_id = any (rule.tell) order by endpoint.name) as tell,
       rule.says_recovered as recovered, rule.repeat_seconds, rule.created_at, rule.updated_at,
       rule.rule_id as _rule_id
  from kronos.alert_rules as rule
  join kronos.workspaces as workspace using (workspace_id)
 where rule.workspace_id = kronos.current_workspace_id()
   and (rule.created_at, rule.rule_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by rule.created_at desc, rule.rule_id desc
 limit %(limit)s;

-- name: match_alert_rule
-- First statement of a deletion: the rule's version. No row: no rule has the name.
select rule.version
  from kronos.alert_rules as rule
 where rule.workspace_id = kronos.current_workspace_id() and rule.name = %(name)s;

-- name: delete_alert_rule
-- No row: no rule has the name, or it is at another version.
delete from kronos.alert_rules as rule
 where rule.workspace_id = kronos.current_workspace_id()
   and rule.name = %(name)s
   and (%(if_match)s::integer[] is null or rule.version = any (%(if_match)s::integer[]))
returning rule.version;

-- name: get_incident
select incident_id, workspace, rule, severity, condition, subject, status, detail, execution_id, opened_at,
       resolved_at, resolution, acknowledged_at, acknowledged_by, note, snoozed_until, snoozed_by, said_at,
       times_said, notifications
  from kronos.incident_rows(array[%(incident_id)s::uuid])
 where workspace_id = kronos.current_workspace_id();

-- name: list_incidents
-- Newest first. %(job)s is a job's name or one of its ids.
select incident_id, workspace, rule, severity, condition, subject, status, detail, execution_id, opened_at,
       resolved_at, resolution, acknowledged_at, acknowledged_by, note, snoozed_until, snoozed_by, said_at,
       times_said, notifications
  from kronos.incident_rows(array(
           select incident.incident_id
             from kronos.incidents as incident
            where incident.workspace_id = kronos.current_workspace_id()
              and (%(status)s::text is null or incident.status = %(status)s)
              and (%(rule)s::text is null or incident.rule = %(rule)s)
              and (%(job)s::text is null
                   or incident.subject_id = (select job.first_version_id
                                               from kronos.jobs as job
                                              where job.job_id = kronos.find_job(%(job)s)))
              and (%(heartbeat)s::text is null
                   or incident.subject_id = (select beat.heartbeat_id
                                               from kronos.beats as beat
                                              where beat.workspace_id = kronos.current_workspace_id()
                                                and beat.name = %(heartbeat)s
                                                and beat.deleted_at is null))
              and (incident.opened_at, incident.incident_id)
                  < (case when %(before_opened_at)s::timestamptz is null then 'infinity'
                          else %(before_opened_at)s::timestamptz end,
                     case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                          else %(before_id)s::uuid end)
            order by incident.opened_at desc, incident.incident_id desc
            limit %(limit)s))
 where workspace_id = kronos.current_workspace_id()
 order by opened_at desc, incident_id desc;

-- name: list_live_incidents
-- As list_incidents, for unresolved incidents, by their own index.
select incident_id, workspace, rule, severity, condition, subject, status, detail, execution_id, opened_at,
       resolved_at, resolution, acknowledged_at, acknowledged_by, note, snoozed_until, snoozed_by, said_at,
       times_said, notifications
  from kronos.incident_rows(array(
           select incident.incident_id
             from kronos.incidents as incident
            where incident.workspace_id = kronos.current_workspace_id()
              and incident.status <> 'RESOLVED'
              and (%(status)s::text = 'LIVE' or incident.status = %(status)s)
              and (%(rule)s::text is null or incident.rule = %(rule)s)
              and (%(job)s::text is null
                   or incident.subject_id = (select job.first_version_id
                                               from kronos.jobs as job
                                              where job.job_id = kronos.find_job(%(job)s)))
              and (%(heartbeat)s::text is null
                   or incident.subject_id = (select beat.heartbeat_id
                                               from kronos.beats as beat
                                              where beat.workspace_id = kronos.current_workspace_id()
                                                and beat.name = %(heartbeat)s
                                                and beat.deleted_at is null))
              and (incident.opened_at, incident.incident_id)
                  < (case when %(before_opened_at)s::timestamptz is null then 'infinity'
                          else %(before_opened_at)s::timestamptz end,
                     case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                          else %(before_id)s::uuid end)
            order by incident.opened_at desc, incident.incident_id desc
            limit %(limit)s))
 where workspace_id = kronos.current_workspace_id()
 order by opened_at desc, incident_id desc;

-- name: list_open_alerts
-- Incidents of the job %(job)s or the heartbeat %(heartbeat)s that are unresolved, or were unresolved at an
-- instant (null: now). The newest ten.
select incident.incident_id, incident.rule, incident.severity, incident.status, incident.detail,
       incident.opened_at, incident.resolved_at, incident.acknowledged_by
  from kronos.incidents as incident
 where incident.workspace_id = kronos.current_workspace_id()
   and incident.subject_id = coalesce(
           (select job.first_version_id
              from kronos.jobs as job
             where job.job_id = kronos.find_job(%(job)s)),
           (select beat.heartbeat_id
              from kronos.beats as beat
             where beat.workspace_id = kronos.current_workspace_id()
               and beat.name = %(heartbeat)s
               and beat.deleted_at is null))
   and (incident.status <> 'RESOLVED'
        or (incident.opened_at <= %(at)s::timestamptz and incident.resolved_at > %(at)s::timestamptz))
 order by incident.opened_at desc, incident.incident_id desc
 limit 10;

-- name: count_incidents
-- The workspace's unresolved incidents, up to a thousand, and how many of them are not acknowledged; and the
-- notifications that are dead letters, up to a hundred of the newest thousand. One row.
select count(*)::integer as live, count(*) filter (where open.status = 'OPEN')::integer as open,
       (select count(*)::integer
          from (select note.execution_id
                  from kronos.alert_notifications as note
                 where note.workspace_id = kronos.current_workspace_id()
                 order by note.execution_id desc
                 limit 1000) as note
         where exists (select from kronos.dead_letters as letter
                        where letter.execution_id = note.execution_id)) as undelivered
  from (select incident.status
          from kronos.incidents as incident
         where incident.workspace_id = kronos.current_workspace_id() and incident.status <> 'RESOLVED'
         order by incident.opened_at desc, incident.incident_id desc
         limit 1000) as open;

-- name: set_acknowledged
-- No row: there is no such incident, it is resolved, or it is already acknowledged.
update kronos.incidents as incident
   set status = 'ACKNOWLEDGED', acknowledged_at = kronos.now(), acknowledged_by = %(actor)s, note = %(note)s,
       repeat_at = null
 where incident.workspace_id = kronos.current_workspace_id()
   and incident.incident_id = %(incident_id)s
   and incident.status = 'OPEN'
returning incident.incident_id;

-- name: set_snoozed
-- Suppress repeated notifications until an instant, or for a number of seconds; both null: end the snooze. No
-- row: there is no such incident, or it is resolved.
update kronos.incidents as incident
   set snoozed_until = asked.until, snoozed_by = case when asked.until is not null then %(actor)s end,
       repeat_at = case when incident.status <> 'OPEN' then null
                        when asked.until is not null then asked.until
                        else incident.said_at + (select rule.repeat_seconds
                                                   from kronos.alert_rules as rule
                                                  where rule.rule_id = incident.rule_id) * interval '1 second'
                   end
  from (select coalesce(%(until)s::timestamptz,
                        kronos.now() + %(seconds)s::integer * interval '1 second') as until) as asked
 where incident.workspace_id = kronos.current_workspace_id()
   and incident.incident_id = %(incident_id)s
   and incident.status <> 'RESOLVED'
returning incident.incident_id;
