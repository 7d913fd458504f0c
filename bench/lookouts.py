"""Heartbeats, alert rules and incidents in addition to the jobs of bench.pages, filled by SQL."""

import psycopg

from kronos.model import Json

_BEATS = """
with made as (
    insert into kronos.beats (workspace_id, name, cron, schedule, description, grace_seconds, max_run_seconds,
                              token_sha256, created_at, tags)
    select workspace.workspace_id, 'beat-' || n, '*/10 * * * *', kronos.parse_cron('*/10 * * * *'),
           'every 10 minutes', 300, 3600, sha256(('beat-' || n)::bytea), now() - n * interval '1 hour',
           array['team-' || n %% 40]
      from kronos.workspaces as workspace
     cross join generate_series(1, %(beats)s) as n
     where workspace.slug = %(workspace)s
    returning heartbeat_id, workspace_id
), pointers as (
    insert into kronos.beat_pointers (heartbeat_id, workspace_id, next_tick_at, opens_at, due_at, last_status,
                                      last_ping_at, last_success_at, last_duration_ms, pings)
    select heartbeat_id, workspace_id, now() + interval '1 day', now() + interval '1 day', now() + interval '25 hours',
           'ON_TIME', now(), now(), 1200, 100
      from made
), ticks as (
    insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, ended_at, duration_ms,
                                   changed_at)
    select heartbeat_id, at, workspace_id, case when n %% 17 = 0 then 'MISSED' else 'ON_TIME' end, at, at, 1200, at
      from made
     cross join generate_series(1, 100) as n
     cross join lateral (select now() - n * interval '10 minutes' as at) as tick
)
insert into kronos.beat_pings (heartbeat_id, number, workspace_id, at, kind, tick_at, duration_ms, log, method)
select heartbeat_id, n, workspace_id, at, 'SUCCESS', at, 1200, repeat('copied a file' || chr(10), 20), 'POST'
  from made
 cross join generate_series(1, 100) as n
 cross join lateral (select now() - (100 - n) * interval '10 minutes' as at) as tick
"""
_RULES = """
insert into kronos.alert_rules (workspace_id, name, condition, selector, selected, tell, is_enabled)
select endpoint.workspace_id, 'rule-' || n, '{"type": "FAILURES", "count": 3}', 'TAG', 'team-' || n,
       array[endpoint.endpoint_id], false
  from kronos.endpoints as endpoint
 cross join generate_series(1, %(rules)s) as n
 where endpoint.name = %(endpoint)s
"""
# Half of them are over. Each was notified once, and one in a hundred notifications failed.
_INCIDENTS = """
with subject as (
    select rule.workspace_id, rule.rule_id, rule.name as rule, job.first_version_id, job.name, n,
           now() - n * interval '3 minutes' as at
      from (select *, row_number() over (order by name) - 1 as nth from kronos.alert_rules) as rule
      join (select *, row_number() over (order by job_id) as n from kronos.jobs where name like 'job-%%') as job
        on rule.nth = job.n %% %(rules)s
     where job.n <= %(incidents)s
), opened as (
    insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, subject, status,
                                  detail, opened_at, resolved_at, resolution, said_at, times_said)
    select workspace_id, rule_id, rule, 'ERROR', '{"type": "FAILURES", "count": 3}', 'JOB', first_version_id, name,
           case when n %% 2 = 0 then 'RESOLVED' else 'OPEN' end, 'it failed 3 times in a row', at,
           case when n %% 2 = 0 then at + interval '5 minutes' end, case when n %% 2 = 0 then 'RECOVERED' end, at, 1
      from subject
    returning incident_id, workspace_id, rule_id, rule, opened_at
)
insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id, incident_ids,
                                        made_at)
select case when opened.nth %% 100 = 0 then letter.execution_id else kronos.uuid7() end, opened.workspace_id, rule_id,
       rule, 'OPENED', letter.endpoint_id, array[incident_id], opened_at
  from (select *, row_number() over (order by opened_at) as nth from opened) as opened
  join (select execution_id, endpoint_id, row_number() over (order by execution_id desc) as nth
          from kronos.dead_letters) as letter using (nth)
"""
_TABLES = ("beats", "beat_pointers", "beat_ticks", "beat_pings", "alert_rules", "incidents", "alert_notifications")


def fill(
    connection: psycopg.Connection[tuple[Json, ...]],
    *,
    workspace: str,
    endpoint: str,
    beats: int,
    rules: int,
    incidents: int,
) -> None:
    """Create them, with foreign keys and triggers off."""
    connection.execute("set session_replication_role = replica")
    connection.execute(_BEATS, {"workspace": workspace, "beats": beats})
    connection.execute(_RULES, {"endpoint": endpoint, "rules": rules})
    connection.execute(_INCIDENTS, {"rules": rules, "incidents": incidents})
    connection.execute("set session_replication_role = origin")
    for table in _TABLES:
        connection.execute(f"vacuum analyze kronos.{table}".encode())
