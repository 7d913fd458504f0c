"""A workspace whose texts are as long as the API accepts, and of the characters that are longest in HTML."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from dashboard.runs import ended

DEAR = "&"
"""Five bytes in HTML, the maximum for one byte of text."""
_TITLE, _NOTE, _NAME = DEAR * 200, DEAR * 500, "n" * 63
_TAGS = [f"{nth:02}{DEAR * 62}" for nth in range(20)]
_MANY = 50
_CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "title": _TITLE, "tags": _TAGS}

Connection = psycopg.Connection[tuple[Any, ...]]


def _json(size: int) -> dict[str, str]:
    """An object of this many bytes as JSON."""
    return {"a": DEAR * (size - 8)}


def _configured(api: httpx.Client, base: str) -> list[httpx.Response]:
    days = [
        {"starts": f"{2020 + nth // 300}-{1 + nth % 12:02}-{1 + nth // 12 % 25:02}", "name": DEAR * 100}
        for nth in range(5_000)
    ]
    spec = {
        "url": f"http://127.0.0.1:9/{DEAR * 2000}",
        "method": "POST",
        "headers": {f"x-{nth}": DEAR * 300 for nth in range(50)},
        "body_template": DEAR * 60_000,
    }
    return [
        api.put(f"{base}/configs/heavy", json={"values": _json(64 * 1024)}),
        api.put(f"{base}/configs/quotes", json={"values": {"a": '"' * 32_000}}),
        api.put(f"{base}/configs/lines", json={"values": {"a": [1] * 32_000}}),
        api.put(f"{base}/payload-specs/heavy", json={"schema": {"title": DEAR * 64_000}}),
        api.put(f"{base}/calendars/heavy", json={"timezone": "UTC", "days": days}),
        api.put(f"{base}/endpoints/heavy", json={"type": "HTTP", "title": _TITLE, "spec": spec}),
        api.put(f"{base}/heartbeats/heavy", json={"period_seconds": 3600, "tags": _TAGS}),
        api.put(f"{base}/alert-rules/heavy", json={"condition": {"type": "FAILURES", "count": 3}}),
        api.post(f"{base}/jobs", json=_CRON | {"name": "heavy", "input": _json(256 * 1024)}),
        api.patch(f"{base}/jobs/heavy", json={"input": _json(256 * 1024 - 1)}),
        api.post(f"{base}/jobs/heavy/pause", json={"note": _NOTE}),
    ]


_ATTEMPTS = """
update kronos.attempt set response = response || %(answer)s, request = request || %(request)s
 where execution_id = %(id)s
"""
_RUNS = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, completed_at, attempt_count,
                                   max_attempts, input)
select kronos.uuid7(at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SKIPPED',
       '{"code": "paused", "detail": "the job was paused"}', at, at, at, at, 0, 5, '{}'
  from kronos.jobs
 cross join generate_series(now() - interval '40 min', now() - interval '20 min', interval '1 min') as at
 where name like '%%jjj' and workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)
"""
_INCIDENTS = """
insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, subject, detail,
                              status, acknowledged_at, acknowledged_by, note, said_at, times_said)
select workspace_id, rule_id, name, severity, condition, 'JOB', gen_random_uuid(), repeat('j', 127), repeat('&', 500),
       'ACKNOWLEDGED', now(), repeat('&', 200), repeat('&', 1000), now(), 1
  from kronos.alert_rules cross join generate_series(1, %(many)s)
 where workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)
"""
_REFUSED = """
update kronos.operations set refused = (
    select jsonb_agg(jsonb_build_object('job', repeat('j', 127), 'code', 'held', 'detail', repeat('&', 300)))
      from generate_series(1, 100)), asked = jsonb_build_object('q', repeat('&', 200), 'tag', repeat('&', 64))
 where operation_id = %(id)s
"""


def make_heavy(api: httpx.Client, connection: Connection, workspace: str) -> tuple[str, ...]:
    """Create it; return the paths of its pages below the workspace's."""
    base = f"/v1/workspaces/{workspace}"
    made = _configured(api, base)
    assert [each.text[:300] for each in made if each.status_code not in (200, 201, 204)] == []
    often = {"cron": "7,8 3,4,5,6 1-25 1,2,3,4,5,6 *", "timezone": "America/Argentina/ComodRivadavia"}
    jobs = [_CRON | often | {"name": f"{nth:02}{'j' * 125}"} for nth in range(_MANY)]
    made = [api.post(f"{base}/jobs:batch", json={"jobs": jobs})]
    pause = {"note": _NOTE, "until": f"{datetime.now(UTC).year + 1}-02-03T04:05:06Z"}
    made += [api.post(f"{base}/jobs/{each['name']}/pause", json=pause) for each in jobs]
    assert [each.text[:300] for each in made if each.status_code not in (200, 201)] == []
    connection.execute(_RUNS, {"workspace": workspace})
    for nth in range(_MANY):
        api.put(f"{base}/heartbeats/{nth:02}{_NAME[2:]}", json={"period_seconds": 3600, "tags": _TAGS})
        api.put(f"{base}/endpoints/{nth:02}{_NAME[2:]}", json=_endpoint())
        ended(connection, workspace, "heavy", nth=nth, attempts=1, message=DEAR * 2000)
    ping = httpx.URL(api.post(f"{base}/heartbeats/heavy/rotate").json()["ping_url"]).path
    for _ in range(20):
        api.post(f"{ping}/1", content=DEAR.encode() * 10_000).raise_for_status()
    failed = ended(connection, workspace, "heavy", ago=timedelta(minutes=1), attempts=100, message=DEAR * 4096)
    answer = {"body": DEAR * 4096, "headers": [f"x-{nth}" for nth in range(100)]}
    connection.execute(_ATTEMPTS, {"id": failed, "answer": Jsonb(answer), "request": Jsonb({"url": DEAR * 2048})})
    connection.execute(
        "update kronos.execution_done set input = %s where execution_id = %s", [Jsonb(_json(256 * 1024)), failed]
    )
    connection.execute(_INCIDENTS, {"workspace": workspace, "many": _MANY})
    body = {"action": "pause", "filter": {"tag": "none"}, "note": _NOTE, "per_second": 1}
    for _ in range(20):
        operation = api.post(f"{base}/operations", json=body).raise_for_status().json()["operation_id"]
        connection.execute(_REFUSED, {"id": operation})
    return (
        "",
        *("/jobs", f"/jobs?q={'%26' * 200}&status=PAUSED", "/jobs/heavy", "/jobs/heavy?compare=1", "/jobs/heavy/edit"),
        *("/executions", f"/executions/{failed}", "/dead-letters", "/alerts", "/alert-rules/heavy"),
        *("/operations", f"/operations/{operation}", "/heartbeats", "/heartbeats/heavy"),
        *("/endpoints", "/endpoints/heavy", "/configs", "/configs/heavy", "/configs/quotes", "/configs/lines"),
        *("/payload-specs", "/payload-specs/heavy", "/calendars", "/calendars/heavy?month=2026-12", "/audit"),
        *("/load?window=7d", "/load/plan?window=7d", "/settings", "/usage", "/secrets"),
    )


def _endpoint() -> dict[str, object]:
    url = f"http://127.0.0.1:9/{DEAR * 2000}"
    return {"type": "HTTP", "title": _TITLE, "spec": {"url": url, "method": "POST"}}
