"""A workspace with one object of each kind, and a document that names them, so that schemathesis's requests find
existing objects.
"""

import json
import re
from typing import Any

import httpx
import psycopg

from alert_rows import add_incident
from conftest import make_workspace

_ATTEMPTS = """
insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
    completed_at, duration_ms,
                            request, response, worker_id)
select execution_id, gen_random_uuid(), workspace_id, 1, 'FAILED', now(), now(), 12,
       '{"method": "POST", "url": "http://127.0.0.1:9/"}', '{"status": 500}', 'w1'
  from kronos.execution_done where workspace_id = (select workspace_id from kronos.workspaces where slug = %s)
"""
_FAILED = """
with gone as (
    delete from kronos.execution_live where execution_id = %s returning *
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, attempt_count, max_attempts, input,
                                   error)
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED',
       '{"code": "attempts_exhausted"}', scheduled_at, run_at, created_at, 1, max_attempts, input,
       '{"type": "timeout", "message": "no answer"}'
  from gone
"""


def furnished(client: httpx.Client, superuser: psycopg.Connection) -> dict[str, list[str]]:
    """The objects of a new workspace, by the path parameter that names them."""
    slug = make_workspace(client)
    base = f"/v1/workspaces/{slug}"

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = client.post(f"{base}{path}", json=body).raise_for_status().json()
        return answer

    names = ["weekly-report", "a", "B.2"]
    for name in names:
        made(
            "/endpoints",
            {"name": name, "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}, "title": f"{name}, for people"},
        )
        made("/calendars", {"name": name, "business_days": ["mon"]})
        made("/configs", {"name": name, "values": {"region": "eu"}})
        made("/payload-specs", {"name": name, "schema": {"type": "object"}})
        beat = made("/heartbeats", {"name": name, "period_seconds": 3600})
        client.post(beat["ping_url"]).raise_for_status()
        if "." not in name:
            made("/secrets", {"name": name, "value": f"the value of {name}"})
    # What the examples of files that are applied name; without these, each such file is refused at its first name.
    made("/secrets", {"name": "api-token", "value": "the value of api-token"})
    made("/endpoints", {"name": "report", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}})
    jobs, executions = [], []
    for number in range(8):
        job = made(
            "/jobs",
            {
                "endpoint": names[number % 3],
                "trigger": "CRON",
                "cron": "7 */2 * * *",
                "name": f"job-{number}",
                "title": "A job",
            },
        )
        jobs += [job["job_id"], job["name"]]
        executions.append(made(f"/jobs/{job['job_id']}/trigger", {"input": {"n": number}})["execution_id"])
    changed = client.patch(f"{base}/jobs/job-0", json={"every": "90m"}).raise_for_status().json()
    for trigger in ({"trigger": "IMMEDIATE"}, {"trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}):
        job = made("/jobs", {"endpoint": "a", **trigger})
        jobs.append(job["job_id"])
        executions.append(job["execution"]["execution_id"])
    for execution_id in executions[::2]:
        client.post(f"{base}/executions/{execution_id}/cancel").raise_for_status()
    superuser.execute(_ATTEMPTS, [slug])
    superuser.execute(
        "update kronos.jobs set ticks_from = now() - interval '3 days', created_at = now() - interval '3 days' where "
        "name = 'job-1'"
    )
    since, until = superuser.execute(
        "select (now() - interval '1 day')::text, (now() - interval '1 hour')::text"
    ).fetchone() or ("", "")
    window = {"from": since.replace(" ", "T") + ":00", "to": until.replace(" ", "T") + ":00"}
    backfill = made("/jobs/job-1/backfill", window)
    operation = made("/dead-letters/discard", {})
    keys = [made("/keys", {"role": role})["key_id"] for role in ("viewer", "operator")]
    mappings = [made("/role-mappings", {"group": name, "role": "viewer"})["mapping_id"] for name in names]
    organization = client.post("/v1/organizations", json={"slug": slug, "name": slug}).raise_for_status().json()
    superuser.execute(_FAILED, [executions[1]])
    return {
        "w": [slug],
        "j": ["job-1", changed["job_id"], *jobs],
        "e": executions,
        "b": [backfill["backfill_id"]],
        "o": [operation["operation_id"]],
        "i": [add_incident(superuser, slug, rule=name) for name in names],
        "name": [*names, "sink"],
        "key_id": keys,
        "mapping_id": mappings,
        "org": [organization["slug"], organization["organization_id"]],
    }


def naming(document: dict[str, Any], known: dict[str, list[str]]) -> dict[str, Any]:
    """The document, with path parameters that usually name existing objects."""
    document = json.loads(json.dumps(document))
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"].startswith("If-"):
                    parameter["schema"]["format"] = (
                        "entity-tags"  # schemathesis sometimes drops the pattern of a header; see schemathesis_hooks
                    )
                if parameter["in"] == "path":
                    pattern = parameter["schema"].get("pattern", "")  # a secret's name contains no dots
                    there = {"enum": [each for each in known[parameter["name"]] if re.search(pattern, each)]}
                    parameter["schema"] = {"anyOf": [there, there, there, parameter["schema"]]}
    return document
