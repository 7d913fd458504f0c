"""What a key of each role may do, route by route, and what it sees."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from api_answers import answered
from conftest import holding, make_workspace
from factory import add_key

ROLES = ("viewer", "operator", "admin", "instance_admin")
_W = "/v1/workspaces/{w}"
LEAST = {
    "viewer": {
        f"GET {_W}",
        f"GET {_W}/retention",
        f"GET {_W}/quotas",
        f"GET {_W}/usage",
        f"GET {_W}/endpoints",
        f"GET {_W}/endpoints/{{name}}",
        f"GET {_W}/endpoints/{{name}}/signing-keys",
        f"GET {_W}/calendars",
        f"GET {_W}/calendars/{{name}}",
        f"POST {_W}/schedules/preview",
        f"GET {_W}/configs",
        f"GET {_W}/configs/{{name}}",
        f"GET {_W}/payload-specs",
        f"GET {_W}/payload-specs/{{name}}",
        f"GET {_W}/secrets",
        f"GET {_W}/secrets/{{name}}",
        f"GET {_W}/heartbeats",
        f"GET {_W}/heartbeats/{{name}}",
        f"GET {_W}/heartbeats/{{name}}/pings",
        f"GET {_W}/heartbeats/{{name}}/ticks",
        f"GET {_W}/jobs",
        f"GET {_W}/jobs/{{j}}",
        f"GET {_W}/jobs/{{j}}/executions",
        f"GET {_W}/jobs/{{j}}/versions",
        f"GET {_W}/jobs/{{j}}/status",
        f"GET {_W}/jobs/{{j}}/next-runs",
        f"GET {_W}/jobs/{{j}}/explain",
        f"GET {_W}/jobs/{{j}}/ticks",
        f"GET {_W}/jobs/{{j}}/ticks/days",
        f"GET {_W}/jobs/{{j}}/backfills",
        f"GET {_W}/backfills/{{b}}",
        f"GET {_W}/dead-letters",
        f"GET {_W}/dead-letters/groups",
        f"GET {_W}/alert-rules",
        f"GET {_W}/alert-rules/{{name}}",
        f"GET {_W}/incidents",
        f"GET {_W}/incidents/{{i}}",
        f"GET {_W}/overview",
        f"GET {_W}/load",
        f"GET {_W}/load/minute",
        f"GET {_W}/load/plan",
        f"GET {_W}/operations",
        f"GET {_W}/operations/{{o}}",
        f"GET {_W}/events",
        f"GET {_W}/executions",
        f"GET {_W}/executions/{{e}}",
        f"GET {_W}/executions/{{e}}/attempts",
        f"GET {_W}/executions/{{e}}/logs",
        "GET /v1/me",
        "GET /v1/me/workspaces",
        "POST /v1/schedules/preview",  # writes nothing
        "POST /v1/schedules/parse",
        f"POST {_W}/jobs/{{j}}/diff",
        f"GET {_W}/jobs:glance",
    },
    "operator": {
        f"POST {_W}/apply",  # anything but jobs needs admin (tests/api/test_apply.py)
        f"GET {_W}/export",
        f"POST {_W}/heartbeats",
        f"PUT {_W}/heartbeats/{{name}}",
        f"DELETE {_W}/heartbeats/{{name}}",
        f"POST {_W}/heartbeats/{{name}}/pause",
        f"POST {_W}/heartbeats/{{name}}/resume",
        f"POST {_W}/heartbeats/{{name}}/rotate",
        f"POST {_W}/jobs",
        f"POST {_W}/jobs:batch",
        f"POST {_W}/jobs:bulk",
        f"PATCH {_W}/jobs/{{j}}",
        f"DELETE {_W}/jobs/{{j}}",
        f"POST {_W}/jobs/{{j}}/pause",
        f"POST {_W}/jobs/{{j}}/resume",
        f"POST {_W}/jobs/{{j}}/skip-next",
        f"POST {_W}/jobs/{{j}}/trigger",
        f"POST {_W}/jobs/{{j}}/backfill",
        f"POST {_W}/backfills/{{b}}/cancel",
        f"POST {_W}/incidents/{{i}}/acknowledge",
        f"POST {_W}/incidents/{{i}}/snooze",
        f"POST {_W}/dead-letters/redrive",
        f"POST {_W}/dead-letters/discard",
        f"POST {_W}/operations",
        f"POST {_W}/operations/{{o}}/cancel",
        f"POST {_W}/executions/{{e}}/cancel",
        f"POST {_W}/executions/{{e}}/retry",
    },
    "admin": {
        f"GET {_W}/role-mappings",
        f"GET {_W}/keys",
        f"POST {_W}/keys",
        f"DELETE {_W}/keys/{{key_id}}",
        f"POST {_W}/keys/{{key_id}}/rotate",
        f"GET {_W}/audit",
        f"GET {_W}/audit/head",
        f"GET {_W}/audit/export",
        f"PATCH {_W}",
        f"DELETE {_W}",
        f"PUT {_W}/retention",
        f"POST {_W}/endpoints",
        f"PUT {_W}/endpoints/{{name}}",
        f"DELETE {_W}/endpoints/{{name}}",
        f"POST {_W}/endpoints/{{name}}/render",
        f"POST {_W}/endpoints/{{name}}/test",
        f"POST {_W}/endpoints/{{name}}/enable",
        f"POST {_W}/endpoints/{{name}}/disable",
        f"POST {_W}/calendars",
        f"PUT {_W}/calendars/{{name}}",
        f"DELETE {_W}/calendars/{{name}}",
        f"POST {_W}/alert-rules",
        f"PUT {_W}/alert-rules/{{name}}",
        f"DELETE {_W}/alert-rules/{{name}}",
        f"POST {_W}/configs",
        f"PUT {_W}/configs/{{name}}",
        f"DELETE {_W}/configs/{{name}}",
        f"POST {_W}/payload-specs",
        f"PUT {_W}/payload-specs/{{name}}",
        f"DELETE {_W}/payload-specs/{{name}}",
        f"POST {_W}/secrets",
        f"PUT {_W}/secrets/{{name}}",
        f"DELETE {_W}/secrets/{{name}}",
    },
    "instance_admin": {
        f"PUT {_W}/quotas",
        f"POST {_W}/role-mappings",
        f"DELETE {_W}/role-mappings/{{mapping_id}}",
        "POST /v1/organizations",
        "GET /v1/organizations",
        "GET /v1/organizations/{org}",
        "PATCH /v1/organizations/{org}",
        "POST /v1/workspaces",
        "GET /v1/workspaces",
        "GET /v1/system/status",
        "GET /v1/system/drift",
        "GET /v1/system/load",
        "GET /v1/system/workers",
        "GET /v1/system/alarms",
        "GET /v1/system/history",
        "GET /v1/audit",
        "GET /v1/audit/head",
        "GET /v1/audit/export",
    },
}
"""The lowest role for each operation that needs a key. Add new operations here."""
_ABSENT = str(uuid.UUID(int=7))


def ask(client: httpx.Client, operation: str, workspace: str, **ids: str) -> httpx.Response:
    """Call an operation so that it changes nothing: on a missing object, with an empty body, and with another
    version.
    """
    method, path = operation.split(" ")
    names = {name: ids.get(name, _ABSENT) for name in ("j", "e", "b", "o", "name", "key_id", "mapping_id", "i", "org")}
    headers = {} if method == "GET" else {"If-Match": '"999"'}
    return answered(client, method, path.format(w=workspace, **names), headers)


def said(response: httpx.Response, workspace: str) -> dict[str, Any]:
    """The problem without the members that differ per request."""
    problem: dict[str, Any] = response.json()
    del problem["request_id"], problem["instance"]
    return {name: each.replace(workspace, "W") if isinstance(each, str) else each for name, each in problem.items()}


def test_every_operation_says_who_may_call_it_and_holds_to_it(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    documented = {
        f"{method.upper()} {path}": operation["security"][0]["key"][0]
        for path, methods in api.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    }
    assert documented == {operation: role for role, operations in LEAST.items() for operation in operations}
    wrong = []
    for rank, role in enumerate(ROLES):
        key = add_key(shared_superuser, None if role == "instance_admin" else workspace, role)
        with holding(api, key) as client:
            for operation, least in documented.items():
                answer = ask(client, operation, workspace)
                if rank >= ROLES.index(least):
                    is_right = answer.status_code not in (401, 403) and answer.status_code < 500
                else:
                    problem = answer.json()
                    is_right = (answer.status_code, problem["code"], problem["detail"]) == (
                        403,
                        "forbidden",
                        f"this needs the role {least}; this key's role is {role}",
                    )
                if not is_right:
                    wrong.append((role, operation, answer.status_code, answer.text[:200]))
    assert wrong == []


def test_another_workspace_is_a_missing_one_for_every_operation_and_role(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    theirs = make_workspace(api)
    their_id = api.get(f"/v1/workspaces/{theirs}").json()["workspace_id"]
    missing, missing_id = f"{theirs[:-1]}-0", str(uuid.uuid4())
    pairs = ((theirs, missing), (their_id, missing_id), (their_id.upper(), missing_id.upper()))
    operations = [each for role in LEAST.values() for each in role if "{w}" in each]
    for role, own in zip(ROLES[:3], pairs, strict=True):
        with holding(api, add_key(shared_superuser, workspace, role)) as client:
            for operation in operations:
                answer = ask(client, operation, own[1])  # a missing one, which each role names in another form
                of_missing = said(answer, own[1].lower())  # it shows an id in lower case
                assert (answer.status_code, of_missing["code"]) == (404, "workspace_not_found"), (role, operation)
                for there, _ in pairs:
                    answer = ask(client, operation, there)
                    assert answer.status_code == 404, (role, operation, answer.text)
                    assert said(answer, there.lower()) == of_missing, (role, operation, there)
    with holding(api, add_key(shared_superuser, None, "instance_admin")) as client:
        unknown = ask(client, f"GET {_W}/jobs", missing)
    with holding(api, add_key(shared_superuser, workspace, "viewer")) as client:
        foreign = ask(client, f"GET {_W}/jobs", theirs)
    assert said(unknown, missing) == said(foreign, theirs)


def test_a_deleted_workspaces_keys_are_none(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    key = add_key(shared_superuser, workspace, "admin")
    shared_superuser.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where slug = %s", [workspace]
    )
    with holding(api, key) as client:
        assert client.get(f"/v1/workspaces/{workspace}").status_code == 401


_CANARY = "canary-of-a-payload"


@pytest.fixture
def history(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> dict[str, str]:
    """A CRON job and a one-shot that have run, with the canary in everything sent and received. Ids by their names in
    paths.
    """
    base = f"/v1/workspaces/{workspace}"
    cron = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "input": {"secret": _CANARY}}
    job = api.post(f"{base}/jobs", json=cron).raise_for_status().json()["job_id"]
    run = api.post(f"{base}/jobs/{job}/trigger", json={}).raise_for_status().json()["execution_id"]
    once = {"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"secret": _CANARY}}
    one_shot = api.post(f"{base}/jobs", json=once).raise_for_status().json()["job_id"]
    shared_superuser.execute(
        """
        with gone as (
            delete from kronos.execution_live
             where workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)
            returning *
        )
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, scheduled_at, run_at, created_at, max_attempts, input, output, error)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED', scheduled_at,
               run_at, created_at, max_attempts, input, %(payload)s, '{"type": "timeout", "message": "late"}'
          from gone
        """,
        {"workspace": workspace, "payload": Jsonb({"answer": _CANARY})},
    )
    shared_superuser.execute(
        """
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
                                    completed_at, worker_id, request, response)
        select execution_id, gen_random_uuid(), workspace_id, 1, 'FAILED', run_at, run_at, 'w', %(payload)s, %(payload)s
          from kronos.execution_done
         where workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)
        """,
        {"workspace": workspace, "payload": Jsonb({"body": _CANARY})},
    )
    return {"w": workspace, "j": job, "e": run, "one_shot": one_shot}


def test_a_viewer_sees_payloads_only_where_its_key_says_so(
    api: httpx.Client, history: dict[str, str], shared_superuser: psycopg.Connection
) -> None:
    """In every answer, with every way of asking; each withheld value is marked as such."""
    reads = sorted(each for each in LEAST["viewer"] if each.startswith("GET"))
    seen: dict[bool, dict[str, str]] = {}
    for sees in (True, False):
        key = add_key(shared_superuser, history["w"], "viewer", sees_payloads=sees)
        with holding(api, key) as client:
            seen[sees] = {
                f"{read} {job}": ask(client, read, history["w"], j=history[job], e=history["e"]).text
                for read in reads
                for job in (("j", "one_shot") if "{j}" in read else ("j",))
            }
    with_payloads = {read for read, text in seen[True].items() if _CANARY in text}
    assert with_payloads >= {
        f"GET {_W}/jobs j",
        f"GET {_W}/jobs/{{j}} j",
        f"GET {_W}/jobs/{{j}} one_shot",
        f"GET {_W}/jobs/{{j}}/executions j",
        f"GET {_W}/executions j",
        f"GET {_W}/executions/{{e}} j",
        f"GET {_W}/executions/{{e}}/attempts j",
        f"GET {_W}/dead-letters j",
    }
    for read, text in seen[False].items():
        assert _CANARY not in text, read
        assert ('"withheld":"the key does not see payloads (sees_payloads)"' in text) == (read in with_payloads), read


def test_a_key_that_is_made_of_an_input_is_withheld_with_it(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    limits = {"limits": {"concurrency_key": "{{input.secret}}"}}
    spec = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
    api.put(f"{base}/endpoints/sink", json=spec | limits).raise_for_status()
    once = {"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"secret": _CANARY}}
    run = api.post(f"{base}/jobs", json=once).raise_for_status().json()["execution"]
    shared_superuser.execute(
        "update kronos.execution_live set parked_at = visible_at, visible_at = '9999-12-31 00:00:00+00',"
        " concurrency_key = %s where execution_id = %s",
        [_CANARY, run["execution_id"]],
    )
    job = f"{base}/jobs/{run['job_id']}"
    reads = [f"{base}/executions/{run['execution_id']}", f"{base}/executions", job, f"{base}/jobs"]
    reads += [f"{job}/explain?at={run['scheduled_at']}", f"{job}/status"]
    for sees in (True, False):
        with holding(api, add_key(shared_superuser, workspace, "viewer", sees_payloads=sees)) as client:
            told = {read: client.get(read).raise_for_status().text for read in reads}
            assert {read for read, text in told.items() if _CANARY in text} == (set(reads[:5]) if sees else set())
            assert '"code":"key_full"' in told[reads[0]]
            assert '"code":"key_full"' in told[reads[4]]
            shown = client.get(f"{base}/endpoints/sink").json()["limits"]
            assert shown["concurrency_key"] == "{{input.secret}}"  # of the endpoint, and no payload


def test_a_workspaces_admin_does_not_undo_what_the_instance_bounds_it_by(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path = f"/v1/workspaces/{workspace}"
    api.patch(path, json={"status": "SUSPENDED", "max_concurrency": 3}).raise_for_status()
    before = api.get(path).json()
    with holding(api, add_key(shared_superuser, workspace, "admin")) as admin:
        for change in (
            {"status": "ACTIVE"},
            {"max_concurrency": None},
            {"max_concurrency": 100_000, "name": "Ours"},
            before | {"status": "ACTIVE"},
        ):
            refused = admin.patch(path, json=change)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), change
        quotas = admin.put(f"{path}/quotas", json={})
        assert (quotas.status_code, quotas.json()["code"]) == (403, "forbidden")
        assert api.get(path).json() == before
        renamed = admin.patch(path, json=before | {"name": "Ours"})
        assert (renamed.status_code, renamed.json()["name"]) == (200, "Ours")
