"""Workspaces and endpoints over HTTP."""

import uuid
from typing import Any

import httpx
import psycopg

from api_answers import DEFAULT_POLICY

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
