"""The data that monitoring reads, filled by SQL: workspaces with endpoints that have waiting executions, heartbeats
with ticks, alert rules, open and resolved incidents."""

from dataclasses import dataclass

from bench.common import ENDPOINT, WORKSPACE, Instance, with_endpoint

_WORKSPACES = with_endpoint(
    "insert into kronos.workspaces (slug, name, max_alarms_per_minute) select 'monitored-' || n, 'Monitored', 50000 "
    "from generate_series(1, %(workspaces)s) as n returning workspace_id",
    "'hook'",
)
# The n-th workspace receives the n-th row of each kind, round-robin.
_SHARE = """
create temporary table share as
select workspace_id, endpoint_id, row_number() over (order by workspace_id) - 1 as nth
  from kronos.endpoints join kronos.workspaces using (workspace_id)
 where slug like 'monitored-%%'
"""
_SPREAD = """
with placed as (
    select share.* from share
), of_benchmark as (
    select job_id, row_number() over () %% %(workspaces)s as nth
      from kronos.jobs
     where workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)
)
update kronos.jobs as job set workspace_id = placed.workspace_id, endpoint_id = placed.endpoint_id
  from of_benchmark join placed using (nth)
 where job.job_id = of_benchmark.job_id
"""
_POINTERS = """
update kronos.pointers as pointer set workspace_id = job.workspace_id
  from kronos.jobs as job where job.job_id = pointer.job_id and job.workspace_id <> pointer.workspace_id
"""
_QUEUE = """
with numbered as (
    select execution_id, row_number() over () %% %(workspaces)s as nth
      from kronos.execution_live
     where endpoint_id = (select endpoint_id from kronos.endpoints where name = %(endpoint)s)
)
update kronos.execution_live as live set workspace_id = share.workspace_id, endpoint_id = share.endpoint_id
  from numbered join share using (nth)
 where live.execution_id = numbered.execution_id
"""
_BEATS = """
with beat as (
    insert into kronos.beats (workspace_id, name, cron, schedule, description, grace_seconds, max_run_seconds,
                              token_sha256)
    select workspace_id, 'beat-' || n, '*/5 * * * *', kronos.parse_cron('*/5 * * * *'), 'each five minutes', 300, 3600,
           sha256(convert_to('beat-' || n, 'UTF8'))
      from generate_series(1, %(beats)s) as n join share on share.nth = n %% %(workspaces)s
    returning heartbeat_id, workspace_id, substr(name, 6)::integer as n
)
insert into kronos.beat_pointers (heartbeat_id, workspace_id, next_tick_at, opens_at, due_at, last_tick_at, last_status,
                                  last_ping_at, pings)
select heartbeat_id, workspace_id, now() + n %% 300 * interval '1 s', now(), now() + (300 + n %% 300) * interval '1 s',
       now() - interval '5 min', case when n %% 50 = 0 then 'MISSED' else 'ON_TIME' end, now() - interval '5 min', 100
  from beat
"""
# A tenth of the heartbeats have a run under way.
_BEAT_TICKS = """
insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, started_at, run_due_at,
                               changed_at)
select heartbeat_id, tick.at, workspace_id, case when is_running then 'RUNNING' else 'ON_TIME' end, tick.at, tick.at,
       case when is_running then now() + interval '1 hour' end, tick.at
  from kronos.beats
 cross join generate_series(1, %(beat_ticks)s) as n
 cross join lateral (select now() - n * make_interval(mins => %(beat_minutes)s) as at,
                            n = 1 and substr(name, 6)::integer %% 10 = 0
                            as is_running) as tick
"""
_RULES = """
insert into kronos.alert_rules (workspace_id, name, condition)
select workspace_id, 'rule-' || n, '{"type": "FAILURES", "count": 3}'
  from generate_series(1, %(rules)s) as n join share on share.nth = n %% %(workspaces)s
"""
# This many incidents per rule, one of them open.
_INCIDENTS = """
insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, status, detail,
                              opened_at, resolved_at, resolution)
select workspace_id, rule_id, name, severity, condition, 'JOB', gen_random_uuid(),
       case when n = 1 then 'OPEN' else 'RESOLVED' end, 'failed',
       now() - n * make_interval(mins => %(incident_minutes)s),
       case when n > 1 then now() - n * make_interval(mins => %(incident_minutes)s * 5 / 6) end,
       case when n > 1 then 'RECOVERED' end
  from kronos.alert_rules cross join generate_series(1, %(incidents)s) as n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The amount of data: `beat_ticks` per heartbeat, one every `beat_minutes`, and `incidents` per rule."""

    workspaces: int
    beats: int
    beat_ticks: int
    rules: int
    incidents: int = 10
    beat_minutes: int = 5
    incident_minutes: int = 60


def fill(one: Instance, watched: Watched) -> None:
    """It, beside the jobs and the queue of the benchmark's workspace, which are dealt out among the new ones."""
    params = {
        "workspace": WORKSPACE,
        "endpoint": ENDPOINT,
        "workspaces": watched.workspaces,
        "beats": watched.beats,
        "beat_ticks": watched.beat_ticks,
        "rules": watched.rules,
        "incidents": watched.incidents,
        "beat_minutes": watched.beat_minutes,
        "incident_minutes": watched.incident_minutes,
    }
    with one.connect() as connection:
        connection.execute("set session_replication_role = replica")  # no triggers and foreign keys
        for text in (
            _WORKSPACES, _SHARE, _SPREAD, _POINTERS, _QUEUE, _BEATS, _BEAT_TICKS, _RULES, _INCIDENTS,
        ):  # fmt: skip
            connection.execute(text.encode(), params)
        connection.execute("vacuum analyze")
