"""Values that break naive handlers, in every field of every body: the status is always below 500."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import counts

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "*/5 * * * *"}
DELAYED = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}
HTTP = {"type": "HTTP", "spec": {"url": "https://example.com/"}}
OF_EVERY_JOB = ("endpoint", "trigger", "name", "input", "tags", "priority", "idempotency_key", "deadline_seconds")
OF_A_VERSION = (
    "cron",
    "timezone",
    "starts_at",
    "ends_at",
    "max_runs",
    "dst_gap",
    "dst_overlap",
    "jitter_seconds",
    "catch_up",
)

PROBES = [
    rb'"\u0000"',
    rb'{"a": "x\u0000y"}',
    rb'{"\u0000": 1}',
    rb'"\ud800"',
    rb'{"a": "\udc00"}',
    rb'["\ud83d"]',
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e309",
    b"1e-400",
    b"2147483648",
    b"-2147483649",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"99999999999999999999",
    b"1.5",
    b"-0.0",
    b"true",
    b"null",
    b'""',
    b'" "',
    b"[]",
    b"{}",
    b'{"a": {"a": 1, "a": 2}}',
    b'"' + "🙂\u202e\ufeff".encode() * 300 + b'"',
    b"[" * 100 + b"]" * 100,
    b'"9999-12-31T23:59:59.999999Z"',
    b'"0001-01-01T00:00:00+14:00"',
    b'"2026-02-30T00:00:00Z"',
    b'"\'); drop table kronos.jobs; --"',
    b'"{{input.a}}"',
    b'"%s %(name)s {} \\\\"',
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A request that succeeds unchanged, and the fields to replace: its own, or those of its member `inside`."""

    path: str
    body: dict[str, Any]
    fields: tuple[str, ...]
    method: str = "POST"
    inside: str | None = None


ONE = "/v1/workspaces/{w}/jobs/{j}"
SPEC = (
    "url",
    "method",
    "headers",
    "body_template",
    "timeout_ms",
    "expected_status_codes",
    "connect_timeout_ms",
    "idle_timeout_ms",
)
RETRY = ("max_attempts", "backoff", "initial_delay_ms", "max_delay_ms", "max_retry_after_seconds", "max_crashes")
PREVIEW = ("cron", "every", "anchor", "timezone", "after", "count", "dst_gap", "dst_overlap")
PLACES = {
    "cron job": Place(
        path="/v1/workspaces/{w}/jobs", body=CRON, fields=(*OF_EVERY_JOB, *OF_A_VERSION, "overlap", "run_at")
    ),
    "delayed job": Place(path="/v1/workspaces/{w}/jobs", body=DELAYED, fields=(*OF_EVERY_JOB, "run_at", "cron")),
    "catch_up": Place(
        path="/v1/workspaces/{w}/jobs", body=CRON, fields=("policy", "window_seconds"), inside="catch_up"
    ),
    "patch": Place(
        method="PATCH",
        path=ONE,
        body={"tags": ["a"]},
        fields=(*OF_A_VERSION, "endpoint", "name", "input", "tags", "deadline_seconds"),
    ),
    "endpoint": Place(
        method="PUT",
        path="/v1/workspaces/{w}/endpoints/e",
        body=HTTP,
        fields=("type", "spec", "retry_policy", "max_in_flight", "config"),
    ),
    "endpoint's name": Place(path="/v1/workspaces/{w}/endpoints", body=HTTP, fields=("name",)),
    "spec": Place(method="PUT", path="/v1/workspaces/{w}/endpoints/e", body=HTTP, fields=SPEC, inside="spec"),
    "retry_policy": Place(
        method="PUT", path="/v1/workspaces/{w}/endpoints/e", body=HTTP, fields=RETRY, inside="retry_policy"
    ),
    "workspace": Place(path="/v1/workspaces", body={"slug": "probed"}, fields=("slug", "name")),
    "workspace patch": Place(method="PATCH", path="/v1/workspaces/{w}", body={"name": "n"}, fields=("name",)),
    "workspace status": Place(method="PATCH", path="/v1/workspaces/{w}", body={"name": "n"}, fields=("status",)),
    "pause": Place(path=ONE + "/pause", body={}, fields=("note",)),
    "trigger": Place(path=ONE + "/trigger", body={}, fields=("input",)),
    "preview": Place(path="/v1/schedules/preview", body={"cron": "* * * * *"}, fields=PREVIEW),
}


def spoilt(place: Place, field: str, probe: bytes) -> bytes:
    """The body with the probe in place of the field's value, even if json.dumps would never write it."""
    if place.inside is None:
        whole = place.body | {field: "@probe@"}
    else:
        whole = place.body | {place.inside: place.body.get(place.inside, {}) | {field: "@probe@"}}
    return json.dumps(whole).encode().replace(b'"@probe@"', probe)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_no_value_of_any_field_is_a_server_error(
    place: Place, api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path, before = "", None
    for field in place.fields:
        for probe in PROBES:
            if before is None:  # the first probe, or the previous one changed something
                path = place.path.replace("{w}", workspace)
                if "{j}" in path:
                    path = path.replace("{j}", api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON).json()["job_id"])
                before = counts(shared_superuser)

            response = api.request(
                place.method, path, content=spoilt(place, field, probe), headers={"Content-Type": "application/json"}
            )

            assert response.status_code < 500, (field, probe, response.text)
            if response.status_code >= 400:
                assert response.json()["detail"]
                assert counts(shared_superuser) == before, (field, probe)
            else:
                before = None


@pytest.mark.parametrize("length", [1024 * 1024 + 1, 30 * 1024 * 1024])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused(api: httpx.Client, workspace: str, length: int, chunked: bool) -> None:
    whole = b'{"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"a": "' + b"x" * length + b'"}}'
    content = (whole[at : at + 65_536] for at in range(0, len(whole), 65_536)) if chunked else whole

    try:
        response = api.post(
            f"/v1/workspaces/{workspace}/jobs", content=content, headers={"Content-Type": "application/json"}
        )
    except httpx.WriteError:
        return  # the server answered and closed while the client was still sending
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


def test_two_hundred_thousand_members_are_too_large_an_input(api: httpx.Client, workspace: str) -> None:
    content = b'{"endpoint": "sink", "trigger": "IMMEDIATE", "input": {%s}}' % b",".join(
        b'"%x":0' % number for number in range(100_000)
    )
    assert len(content) < 1024 * 1024

    response = api.post(
        f"/v1/workspaces/{workspace}/jobs", content=content, headers={"Content-Type": "application/json"}
    )

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/input")
