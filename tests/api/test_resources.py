"""Workspaces and endpoints over HTTP."""

import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg

from api_answers import DEFAULT_POLICY, problem_of
from conftest import Api
from factory import EndpointRow
from worker.protocol import as_worker, claim, finalize

ENDPOINT: dict[str, Any] = {
    "type": "HTTP",
    "spec": {
        "url": "https://example.com/hooks/{{input.id}}?q={{input.q}}",
        "method": "PUT",
        "headers": {"X-Team": "{{input.team}}"},
        "body_template": {"id": "{{input.id}}"},
        "timeout_ms": 5000,
        "expected_status_codes": [200, 202],
        "connect_timeout_ms": 1000,
        "idle_timeout_ms": None,
    },
    "retry_policy": {
        "max_attempts": 3,
        "backoff": "linear",
        "initial_delay_ms": 10,
        "max_delay_ms": 1000,
        "max_retry_after_seconds": 86_400,
        "max_crashes": 0,
        "jitter": "none",
        "delays_ms": [10, 1000],
        "max_age_seconds": 3600,
        "retryable_status_codes": [409, 503],
        "permanent_status_codes": [501],
        "slow_down_status_codes": [],
        "retry_unknown": False,
        "disable_after_seconds": 86_400,
        "disable_after_attempts": 20,
        "probe_seconds": None,
    },
    "max_in_flight": 7,
}


def test_a_workspace_is_made_changed_and_deleted(api: httpx.Client) -> None:
    slug = f"w-{uuid.uuid4().hex[:12]}"
    made = api.post("/v1/workspaces", json={"slug": slug, "name": "Acme"})
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/workspaces/{slug}")
    assert (made.json()["slug"], made.json()["name"], made.json()["status"]) == (slug, "Acme", "ACTIVE")
    for ref in (slug, made.json()["workspace_id"]):
        assert api.get(f"/v1/workspaces/{ref}").json() == made.json()

    assert api.patch(f"/v1/workspaces/{slug}", json={"name": "Other"}).json()["name"] == "Other"
    suspended = api.patch(f"/v1/workspaces/{slug}", json={"status": "SUSPENDED"}).json()
    assert (suspended["status"], suspended["name"]) == ("SUSPENDED", "Other")
    assert suspended["suspended_at"]
    assert api.patch(f"/v1/workspaces/{slug}", json={"status": "ACTIVE"}).json()["suspended_at"] is None

    assert (api.delete(f"/v1/workspaces/{slug}").status_code, api.get(f"/v1/workspaces/{slug}").status_code) == (
        200,
        404,
    )
    assert api.post("/v1/workspaces", json={"slug": slug}).json()["name"] == slug


def test_a_workspace_is_deleted_once_all_in_it_has_ended(
    api: httpx.Client, workspace: str, shared_api: Api, shared_superuser: psycopg.Connection
) -> None:
    """A job that has ended leaves an execution that is to be tried again in an hour, and a backfill that goes on."""
    base = f"/v1/workspaces/{workspace}"
    retried = ENDPOINT["retry_policy"] | {"initial_delay_ms": 3_600_000, "max_delay_ms": 3_600_000}
    assert (
        api.put(f"{base}/endpoints/sink", json=ENDPOINT | {"retry_policy": retried, "max_in_flight": None}).status_code
        == 200
    )
    job = api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}).json()["job_id"]
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:10:00Z", "max_active": 1}
    backfill = api.post(f"{base}/jobs/{job}/backfill", json=window).json()["backfill_id"]
    assert refusal(api.delete(base)) == "1 ACTIVE or PAUSED jobs, 1 unfinished executions, 1 RUNNING backfills"

    shared_superuser.execute(
        "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"ended\"}' where job_id = %s", [job]
    )
    (execution,) = api.get(f"{base}/executions").json()["data"]
    with as_worker(shared_api.database_url) as worker:
        (row,) = shared_superuser.execute(
            "select endpoint_id, workspace_id from kronos.jobs where job_id = %s", [job]
        ).fetchall()
        endpoint = EndpointRow(endpoint_id=row[0], workspace_id=row[1], timeout_ms=0, max_attempts=0, max_crashes=0)
        token, claimed = claim(worker, endpoint)
        assert refusal(api.delete(base)) == "1 unfinished executions, 1 RUNNING backfills"
        assert finalize(worker, token, claimed, "FAILED", retry=timedelta(hours=1)) == {
            UUID(execution["execution_id"]): "RETRY"
        }
    assert refusal(api.delete(base)) == "1 unfinished executions, 1 RUNNING backfills"
    refused = api.delete(f"{base}/endpoints/sink").json()
    assert (refused["code"], "?endpoint=sink" in refused["detail"]) == ("endpoint_in_use", True)

    assert api.post(f"{base}/backfills/{backfill}/cancel").json()["status"] == "CANCELLED"
    assert api.delete(base).json()["status"] == "DELETED"
    ((left,),) = shared_superuser.execute(
        "select count(*) from kronos.endpoints where workspace_id = %s and deleted_at is null", [endpoint.workspace_id]
    ).fetchall()
    assert left == 0
    assert api.delete(base).status_code == 404


def refusal(answer: httpx.Response) -> str:
    """What a workspace still has."""
    problem = problem_of(answer)
    assert (problem["status"], problem["code"]) == (409, "conflict")
    detail: str = problem["detail"]
    return detail.partition(" still has ")[2].partition(":")[0]


def test_an_endpoint_is_made_as_it_was_given(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}/endpoints"

    made = api.post(base, json=ENDPOINT | {"name": "report"})

    assert (made.status_code, made.headers["location"]) == (201, f"{base}/report")
    endpoint = made.json()
    assert {key: endpoint[key] for key in ENDPOINT} == ENDPOINT
    assert (endpoint["name"], endpoint["version"], endpoint["workspace"]) == ("report", 1, workspace)
    assert api.get(f"{base}/report").json() == endpoint


def test_an_endpoint_has_the_documented_defaults(api: httpx.Client, workspace: str) -> None:
    endpoint = api.get(f"/v1/workspaces/{workspace}/endpoints/sink").json()

    assert (
        endpoint["spec"] | {"method": "POST", "headers": {}, "timeout_ms": 30000, "body_template": None}
        == endpoint["spec"]
    )
    assert endpoint["retry_policy"] == DEFAULT_POLICY
    assert endpoint["max_in_flight"] is None


def test_put_makes_an_endpoint_and_then_its_next_versions(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/report"

    first = api.put(path, json=ENDPOINT)
    second = api.put(path, json=ENDPOINT | {"max_in_flight": None})

    assert (first.status_code, first.json()["version"]) == (201, 1)
    assert (second.status_code, second.json()["version"], second.json()["max_in_flight"]) == (200, 2, None)
    assert second.json()["endpoint_id"] == first.json()["endpoint_id"]
    assert api.get(path).headers["etag"] == '"2"'
    versions = shared_superuser.execute(
        "select count(*) from kronos.endpoint_versions where endpoint_id = %s", [first.json()["endpoint_id"]]
    )
    assert versions.fetchone() == (2,)


def test_an_unused_endpoint_is_deleted(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/report"
    assert api.put(path, json=ENDPOINT).status_code == 201

    deleted = api.delete(path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.get(path).status_code == api.delete(path).status_code == 404
    assert api.put(path, json=ENDPOINT).json()["version"] == 1


def test_local_addresses_are_reached_only_where_the_operator_allows(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints/local"

    assert api.put(path, json={"type": "HTTP", "spec": {"url": "http://127.0.0.1:8000/hook"}}).status_code == 201
    refused = api.put(path, json={"type": "HTTP", "spec": {"url": "http://192.168.0.1:8000/hook"}})
    assert refused.status_code == 422
    assert "KRONOS_EGRESS_ALLOW" in refused.json()["errors"][0]["hint"]
