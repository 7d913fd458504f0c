-- incident_rows: incidents as the API returns them, in no order, with the last five notifications about each;
-- is_dead: that delivery is a dead letter. Runs as the caller: row level security applies.
create or replace function kronos.incident_rows(p_incident_ids uuid[])
returns table (workspace_id uuid, incident_id uuid, workspace text, rule text, severity text, condition jsonb,
               subject jsonb, status text, detail text, execution_id uuid, opened_at timestamptz,
               resolved_at timestamptz, resolution text, acknowledged_at timestamptz, acknowledged_by text,
               note text, snoozed_until timestamptz, snoozed_by text, said_at timestamptz, times_said integer,
               notifications jsonb)
language sql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
    select incident.workspace_id, incident.incident_id, workspace.slug, incident.rule, incident.severity,
           incident.condition,
           jsonb_build_object('kind', lower(incident.kind),
                              'id', case when incident.kind in ('JOB', 'HEARTBEAT')
                                         then incident.subject_id end,
                              'name', incident.subject),
           incident.status, incident.detail, incident.execution_id, incident.opened_at, incident.resolved_at,
           incident.resolution, incident.acknowledged_at, incident.acknowledged_by, incident.note,
           case when incident.snoozed_until > kronos.now() then incident.snoozed_until end,
           case when incident.snoozed_until > kronos.now() then incident.snoozed_by end,
           incident.said_at, incident.times_said, coalesce(told.notifications, '[]')
      from kronos.incidents as incident
      join kronos.workspaces as workspace on workspace.workspace_id = incident.workspace_id
      left join lateral (
          select jsonb_agg(jsonb_build_object(
                     'execution_id', note.execution_id, 'event', note.event, 'endpoint', endpoint.name,
                     'made_at', kronos.iso(note.made_at),
                     'is_dead', exists (select from kronos.dead_letters as letter
                                         where letter.execution_id = note.execution_id))
                     order by note.execution_id desc) as notifications
            from (select each.*
                    from (select recent.*
                            from kronos.alert_notifications as recent
                           where recent.rule_id = incident.rule_id
                             and recent.execution_id >= kronos.uuid7_floor(incident.opened_at)
                           order by recent.execution_id desc
                           limit 500) as each
                   where incident.incident_id = any (each.incident_ids)
                   limit 5) as note
            join kronos.endpoints as endpoint on endpoint.endpoint_id = note.endpoint_id) as told on true
     where incident.incident_id = any (p_incident_ids)
$$;
