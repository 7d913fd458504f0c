"""An invalid request gets an error with a pointer and a hint, and nothing is written."""

from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import counts, problem_of
from conftest import Api

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "*/5 * * * *"}
NOW = {"endpoint": "sink", "trigger": "IMMEDIATE"}
LATER = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}
HTTP: dict[str, Any] = {"name": "e", "type": "HTTP", "spec": {"url": "https://example.com/hook"}}
ID = "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A request, and how it is rejected. `body` is JSON, `raw` is sent unchanged."""

    path: str
    pointer: str
    status: int = 422
    code: str = "input_validation_failed"
    method: str = "POST"
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] | None = None


def job(pointer: str, body: Any, **more: Any) -> Bad:
    return Bad(path="/v1/workspaces/{w}/jobs", pointer=pointer, body=body, **more)


def patch(pointer: str, body: Any, **more: Any) -> Bad:
    return Bad(method="PATCH", path="/v1/workspaces/{w}/jobs/existing", pointer=pointer, body=body, **more)


def endpoint(pointer: str, body: Any, **more: Any) -> Bad:
    return Bad(path="/v1/workspaces/{w}/endpoints", pointer=pointer, body=body, **more)


def spec(pointer: str, **fields: Any) -> Bad:
    return endpoint(pointer, HTTP | {"spec": HTTP["spec"] | fields})


def get(path: str, pointer: str, **more: Any) -> Bad:
    return Bad(method="GET", path=path, pointer=pointer, status=400, code="invalid_request", **more)


def raw(body: bytes, pointer: str = "", **more: Any) -> Bad:
    headers = more.pop("headers", JSON)
    return Bad(
        path="/v1/workspaces/{w}/jobs",
        pointer=pointer,
        status=400,
        code="invalid_request",
        raw=body,
        headers=headers,
        **more,
    )


def _with(member: bytes) -> bytes:
    return b'{"endpoint":"sink","trigger":"IMMEDIATE","input":{"a":' + member + b"}}"


CASES = {
    # unknown and missing fields, wrong types
    "job: unknown field": job("/crom", CRON | {"crom": "* * * * *"}),
    "job: unknown field of an inner object": job("/catch_up/window", CRON | {"catch_up": {"window": 3}}),
    "job: no endpoint": job("/endpoint", {"trigger": "IMMEDIATE"}),
    "job: no trigger": job("/trigger", {"endpoint": "sink"}),
    "job: unknown trigger": job("/trigger", {"endpoint": "sink", "trigger": "HOURLY"}),
    "job: trigger of another case": job("/trigger", {"endpoint": "sink", "trigger": "cron"}),
    "job: endpoint is a number": job("/endpoint", NOW | {"endpoint": 7}),
    "job: endpoint out of its pattern": job("/endpoint", NOW | {"endpoint": "-sink"}),
    "job: no such endpoint": job("/endpoint", NOW | {"endpoint": "nowhere"}, status=404, code="endpoint_not_found"),
    "job: input is a list": job("/input", NOW | {"input": [1]}),
    "job: input is too large": job("/input", NOW | {"input": {"a": "x" * 262_144}}),
    "job: tags is a string": job("/tags", NOW | {"tags": "reports"}),
    "job: a tag is a number": job("/tags/1", NOW | {"tags": ["a", 2]}),
    "job: a tag is too long": job("/tags/0", NOW | {"tags": ["x" * 65]}),
    "job: a tag is blank": job("/tags/0", NOW | {"tags": [" "]}),
    "job: too many tags": job("/tags", NOW | {"tags": [str(n) for n in range(21)]}),
    "job: name out of its pattern": job("/name", NOW | {"name": "weekly report"}),
    "job: name too long": job("/name", NOW | {"name": "x" * 128}),
    "job: name that looks like an id": job("/name", NOW | {"name": ID}),
    "job: empty name": job("/name", NOW | {"name": ""}),
    "job: empty idempotency key": job("/idempotency_key", NOW | {"idempotency_key": ""}),
    "job: long idempotency key": job("/idempotency_key", NOW | {"idempotency_key": "x" * 256}),
    "job: two idempotency keys": job(
        "/idempotency_key", NOW | {"idempotency_key": "a"}, headers={"Idempotency-Key": "b"}
    ),
    "job: idempotency key header with spaces": job(
        "/Idempotency-Key", NOW, headers={"Idempotency-Key": "a b"}, status=400, code="invalid_request"
    ),
    "job: priority too high": job("/priority", NOW | {"priority": 11}),
    "job: priority too low": job("/priority", NOW | {"priority": -11}),
    "job: priority is a text": job("/priority", NOW | {"priority": "high"}),
    "job: priority is a fraction": job("/priority", NOW | {"priority": 0.5}),
    "job: overlap of another system": job("/overlap", CRON | {"overlap": "Forbid"}),
    # triggers and their fields
    "cron job: no expression": job("/cron", {"endpoint": "sink", "trigger": "CRON"}),
    "cron job: expression is null": job("/cron", CRON | {"cron": None}),
    "cron job: expression is a number": job("/cron", CRON | {"cron": 5}),
    "cron job: empty expression": job("/cron", CRON | {"cron": ""}),
    "cron job: blank expression": job("/cron", CRON | {"cron": "   "}, code="invalid_cron"),
    "cron job: four fields": job("/cron", CRON | {"cron": "* * * *"}, code="invalid_cron"),
    "cron job: six fields": job("/cron", CRON | {"cron": "0 * * * * *"}, code="invalid_cron"),
    "cron job: minute 60": job("/cron", CRON | {"cron": "60 * * * *"}, code="invalid_cron"),
    "cron job: step 0": job("/cron", CRON | {"cron": "*/0 * * * *"}, code="invalid_cron"),
    "cron job: February 30": job("/cron", CRON | {"cron": "0 0 30 2 *"}, code="invalid_cron"),
    "cron job: the workday nearest to February 30": job("/cron", CRON | {"cron": "0 0 30W 2 *"}, code="invalid_cron"),
    "cron job: a nearest workday at the weekend": job("/cron", CRON | {"cron": "0 0 15W * */6"}, code="invalid_cron"),
    "cron job: sixth Friday": job("/cron", CRON | {"cron": "0 0 * * 5#6"}, code="invalid_cron"),
    "cron job: L is no weekday": job("/cron", CRON | {"cron": "0 0 * * L"}, code="invalid_cron"),
    "cron job: for ever in the gap": job(
        "/cron", CRON | {"cron": "30 2 * 3 0L", "timezone": "Europe/Berlin", "dst_gap": "SKIP"}, code="invalid_cron"
    ),
    "cron job: words": job("/cron", CRON | {"cron": "every five minutes"}, code="invalid_cron"),
    "cron job: an SQL text": job("/cron", CRON | {"cron": "'; drop table kronos.jobs; --"}, code="invalid_cron"),
    "cron job: long expression": job("/cron", CRON | {"cron": "0," * 200 + "0 * * * *"}),
    "cron job: unknown zone": job("/timezone", CRON | {"timezone": "Mars/Olympus"}, code="invalid_timezone"),
    "cron job: zone in other letters": job("/timezone", CRON | {"timezone": "asia/kolkata"}, code="invalid_timezone"),
    "cron job: zone is an abbreviation": job("/timezone", CRON | {"timezone": "CET"}, code="invalid_timezone"),
    "cron job: zone is an offset": job("/timezone", CRON | {"timezone": "+05:30"}, code="invalid_timezone"),
    "cron job: zone is a POSIX text": job("/timezone", CRON | {"timezone": "Foo+3"}, code="invalid_timezone"),
    "cron job: zone is a number": job("/timezone", CRON | {"timezone": 5}),
    "cron job: run_at": job("/run_at", CRON | {"run_at": "2099-01-01T00:00:00Z"}),
    "cron job: ends before it starts": job(
        "/ends_at", CRON | {"starts_at": "2099-01-02T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    ),
    "cron job: ends as it starts": job(
        "/ends_at", CRON | {"starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    ),
    "cron job: has ended": job("/ends_at", CRON | {"ends_at": "2020-01-01T00:00:00Z"}),
    "cron job: starts_at without offset": job("/starts_at", CRON | {"starts_at": "2099-01-01T00:00:00"}),
    "cron job: starts_at is a number": job("/starts_at", CRON | {"starts_at": 1900000000}),
    "cron job: starts_at of no month": job("/starts_at", CRON | {"starts_at": "2099-13-01T00:00:00Z"}),
    "cron job: starts_at out of range": job("/starts_at", CRON | {"starts_at": "9999-12-31T23:59:59-14:00"}),
    "cron job: max_runs 0": job("/max_runs", CRON | {"max_runs": 0}),
    "cron job: max_runs is true": job("/max_runs", CRON | {"max_runs": True}),
    "cron job: max_runs beyond int4": job("/max_runs", CRON | {"max_runs": 2**31}),
    "cron job: spread": job("/spread", CRON | {"spread": "2h"}),
    "cron job: jitter": job("/jitter_seconds", CRON | {"jitter_seconds": 3601}),
    "cron job: dst_gap": job("/dst_gap", CRON | {"dst_gap": "FIRST"}),
    "cron job: dst_overlap": job("/dst_overlap", CRON | {"dst_overlap": "SHIFT"}),
    "cron job: catch_up policy": job("/catch_up/policy", CRON | {"catch_up": {"policy": "SOME"}}),
    "cron job: catch_up window": job(
        "/catch_up/window_seconds", CRON | {"catch_up": {"policy": "ALL", "window_seconds": -1}}
    ),
    "immediate job: cron": job("/cron", NOW | {"cron": "* * * * *"}),
    "immediate job: run_at": job("/run_at", NOW | {"run_at": "2099-01-01T00:00:00Z"}),
    "immediate job: ends_at": job("/ends_at", NOW | {"ends_at": "2099-01-01T00:00:00Z"}),
    "delayed job: no run_at": job("/run_at", {"endpoint": "sink", "trigger": "DELAYED"}),
    "delayed job: in the past": job("/run_at", LATER | {"run_at": "2020-01-01T00:00:00Z"}),
    "delayed job: a date": job("/run_at", LATER | {"run_at": "2099-01-01"}),
    "delayed job: cron": job("/cron", LATER | {"cron": "* * * * *"}),
    # changes
    "patch: nothing": patch("", {}),
    "patch: unknown field": patch("/trigger", {"trigger": "IMMEDIATE"}),
    "patch: cron is null": patch("/cron", {"cron": None}),
    "patch: bad cron": patch("/cron", {"cron": "61 * * * *"}, code="invalid_cron"),
    "patch: unknown zone": patch("/timezone", {"timezone": "Nowhere"}, code="invalid_timezone"),
    "patch: no such endpoint": patch("/endpoint", {"endpoint": "nowhere"}, status=404, code="endpoint_not_found"),
    "patch: ends before it starts": patch(
        "/ends_at", {"starts_at": "2099-01-02T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    ),
    "patch: If-Match is no version": patch(
        "/If-Match", {"cron": "* * * * *"}, headers={"If-Match": "yesterday"}, status=400, code="invalid_request"
    ),
    # endpoints
    "endpoint: no url": endpoint("/spec/url", HTTP | {"spec": {}}),
    "endpoint: no spec": endpoint("/spec", {"name": "e", "type": "HTTP"}),
    "endpoint: name out of its pattern": endpoint("/name", HTTP | {"name": "a/b"}),
    "endpoint: no type": endpoint("/type", {"name": "e", "spec": {}}),
    "endpoint: Kafka without brokers": endpoint(
        "/spec/bootstrap_servers", {"name": "e", "type": "KAFKA", "spec": {"topic": "t"}}
    ),
    "endpoint: Redis without a server": endpoint(
        "/spec/redis_url", {"name": "e", "type": "REDIS_STREAM", "spec": {"stream": "s"}}
    ),
    "endpoint: unknown type": endpoint("/type", {"name": "e", "type": "SMTP", "spec": {}}),
    "endpoint: config": endpoint("/config", HTTP | {"config": "c"}),
    "endpoint: max_in_flight 0": endpoint("/max_in_flight", HTTP | {"max_in_flight": 0}),
    "endpoint: the group of those that name none": endpoint("/group", HTTP | {"group": "default"}),
    "endpoint: group out of its pattern": endpoint("/group", HTTP | {"group": "Private net"}),
    "endpoint: max_attempts 0": endpoint("/retry_policy/max_attempts", HTTP | {"retry_policy": {"max_attempts": 0}}),
    "endpoint: max_attempts 101": endpoint(
        "/retry_policy/max_attempts", HTTP | {"retry_policy": {"max_attempts": 101}}
    ),
    "endpoint: backoff": endpoint("/retry_policy/backoff", HTTP | {"retry_policy": {"backoff": "random"}}),
    "endpoint: delays that cross": endpoint(
        "/retry_policy/max_delay_ms", HTTP | {"retry_policy": {"initial_delay_ms": 100, "max_delay_ms": 10}}
    ),
    "endpoint: url that is none": spec("/spec/url", url="not a url"),
    "endpoint: relative url": spec("/spec/url", url="/hooks/report"),
    "endpoint: ftp": spec("/spec/url", url="ftp://example.com/"),
    "endpoint: url with a password": spec("/spec/url", url="https://user:secret@example.com/"),
    "endpoint: private address": spec("/spec/url", url="http://10.0.0.1/hook"),
    "endpoint: metadata service": spec("/spec/url", url="http://169.254.169.254/latest/meta-data"),
    "endpoint: host from a template": spec("/spec/url", url="https://{{input.host}}/"),
    "endpoint: unclosed template": spec("/spec/body_template/a", body_template={"a": "{{input.a"}),
    "endpoint: reserved header": spec("/spec/headers/Host", headers={"Host": "example.org"}),
    "endpoint: header with a line break": spec("/spec/headers/X-A", headers={"X-A": "a\r\nX-B: b"}),
    "endpoint: header is a number": spec("/spec/headers/X-A", headers={"X-A": 1}),
    "endpoint: method": spec("/spec/method", method="BREW"),
    "endpoint: timeout 0": spec("/spec/timeout_ms", timeout_ms=0),
    "endpoint: timeout of 16 minutes": spec("/spec/timeout_ms", timeout_ms=900_001),
    "endpoint: connection in no time": spec("/spec/connect_timeout_ms", connect_timeout_ms=0),
    "endpoint: idle for 16 minutes": spec("/spec/idle_timeout_ms", idle_timeout_ms=900_001),
    "endpoint: idle in seconds": spec("/spec/idle_timeout_ms", idle_timeout_ms="10s"),
    "endpoint: status 99": spec("/spec/expected_status_codes/0", expected_status_codes=[99]),
    "endpoint: unknown field of spec": spec("/spec/uri", uri="https://example.com"),
    # workspaces
    "workspace: no slug": Bad(path="/v1/workspaces", pointer="/slug", body={"name": "A"}),
    "workspace: slug in upper case": Bad(path="/v1/workspaces", pointer="/slug", body={"slug": "Acme"}),
    "workspace: slug ends with -": Bad(path="/v1/workspaces", pointer="/slug", body={"slug": "acme-"}),
    "workspace: slug that looks like an id": Bad(path="/v1/workspaces", pointer="/slug", body={"slug": ID}),
    "workspace: blank name": Bad(path="/v1/workspaces", pointer="/name", body={"slug": "acme", "name": " "}),
    "workspace: unknown status": Bad(
        method="PATCH", path="/v1/workspaces/{w}", pointer="/status", body={"status": "GONE"}
    ),
    "workspace: nothing to change": Bad(method="PATCH", path="/v1/workspaces/{w}", pointer="", body={}),
    # previews, pauses, triggers
    "preview: bad cron": Bad(path="/v1/schedules/preview", pointer="/cron", body={"cron": "x"}, code="invalid_cron"),
    "preview: count 0": Bad(path="/v1/schedules/preview", pointer="/count", body={"cron": "* * * * *", "count": 0}),
    "preview: zone": Bad(
        path="/v1/schedules/preview",
        pointer="/timezone",
        body={"cron": "* * * * *", "timezone": "X/Y"},
        code="invalid_timezone",
    ),
    "pause: note is a number": Bad(path="/v1/workspaces/{w}/jobs/existing/pause", pointer="/note", body={"note": 1}),
    "resume: unknown field": Bad(path="/v1/workspaces/{w}/jobs/existing/resume", pointer="/note", body={"note": "x"}),
    "trigger: input is a string": Bad(
        path="/v1/workspaces/{w}/jobs/existing/trigger", pointer="/input", body={"input": "x"}
    ),
    # bodies that cannot be read
    "body: empty": raw(b""),
    "body: not JSON": raw(b"{"),
    "body: two values": raw(b"{} {}"),
    "body: a list": raw(b"[]"),
    "body: null": raw(b"null"),
    "body: not UTF-8": raw(_with(b'"\xff"')),
    "body: UTF-16": raw('{"a": 1}'.encode("utf-16")),
    "body: NaN": raw(_with(b"NaN")),
    "body: Infinity": raw(_with(b"-Infinity")),
    "body: 1e400": raw(_with(b"1e400")),
    "body: integer beyond 64 bits": raw(_with(b"9223372036854775808")),
    "body: 5,000 digits": raw(_with(b"9" * 5000)),
    "body: NUL in a string": raw(_with(rb'"\u0000"'), "/input/a"),
    "body: lone surrogate": raw(_with(rb'"\ud800"'), "/input/a"),
    "body: NUL in a member's name": raw(b'{"a\\u0000": 1}'),
    "body: the same member twice": raw(b'{"endpoint":"sink","endpoint":"other","trigger":"IMMEDIATE"}'),
    "body: nested too deep": raw(_with(b"[" * 70 + b"]" * 70), "/input/a" + "/0" * 62),
    "body: nested very deep": raw(b'{"a":' * 100_000),
    "body: a form": raw(b"endpoint=sink", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    "body: no media type": raw(b"{}", headers={}),
    "body: latin-1": raw(b"{}", headers={"Content-Type": "application/json; charset=latin-1"}),
    # paths and queries
    "path: NUL": get("/v1/workspaces/%00/jobs", ""),
    "path: NUL in a name": get("/v1/workspaces/{w}/jobs/a%00b", ""),
    "path: workspace out of its pattern": get("/v1/workspaces/A_B/jobs", ""),
    "path: job neither id nor name": get("/v1/workspaces/{w}/jobs/a%20b", ""),
    "path: bytes that are not UTF-8": get("/v1/workspaces/{w}/jobs/%ff%fe", ""),
    "path: malformed execution id": get("/v1/workspaces/{w}/executions/7", ""),
    "path: execution id in braces": get("/v1/workspaces/{w}/executions/%7B0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b%7D", ""),
    "path: endpoint name": get("/v1/workspaces/{w}/endpoints/%2Da", ""),
    "query: limit 0": get("/v1/workspaces/{w}/jobs?limit=0", "/limit"),
    "query: limit 201": get("/v1/workspaces/{w}/jobs?limit=201", "/limit"),
    "query: limit -1": get("/v1/workspaces/{w}/executions?limit=-1", "/limit"),
    "query: limit 10^20": get("/v1/workspaces?limit=100000000000000000000", "/limit"),
    "query: limit is a word": get("/v1/workspaces/{w}/endpoints?limit=all", "/limit"),
    "query: unknown parameter": get("/v1/workspaces/{w}/jobs?statu=ACTIVE", "/statu"),
    "query: a parameter where none is": get("/v1/workspaces/{w}/jobs/existing?limit=1", "/limit"),
    "query: twice": get("/v1/workspaces/{w}/jobs?limit=1&limit=2", "/limit"),
    "query: NUL": get("/v1/workspaces/{w}/jobs?q=%00", "/q"),
    "query: not UTF-8": get("/v1/workspaces/{w}/jobs?trigger=%ff", "/trigger"),
    "query: unknown status": get("/v1/workspaces/{w}/jobs?status=active", "/status"),
    "query: unknown execution status": get("/v1/workspaces/{w}/executions?status=DONE", "/status"),
    "query: time without offset": get("/v1/workspaces/{w}/jobs?created_after=2026-01-01T00:00:00", "/created_after"),
    "query: + not encoded": get("/v1/workspaces/{w}/jobs?created_after=2026-01-01T00:00:00+05:30", "/created_after"),
    "query: cursor of nothing": get("/v1/workspaces/{w}/jobs?cursor=abc", "/cursor"),
    "query: empty cursor": get("/v1/workspaces/{w}/jobs?cursor=", "/cursor"),
    "query: cursor of other letters": get("/v1/workspaces/{w}/jobs?cursor=%C3%A4%C3%B6%C3%BC", "/cursor"),
    "query: long cursor": get("/v1/workspaces/{w}/jobs?cursor=" + "A" * 300, "/cursor"),
    "query: count 101": get("/v1/workspaces/{w}/jobs/existing/next-runs?count=101", "/count"),
}


@pytest.fixture(scope="module")
def busy(shared_api: Api, untouched: str) -> str:
    """A workspace that a bad request could damage."""
    made = shared_api.client.post(f"/v1/workspaces/{untouched}/jobs", json=CRON | {"name": "existing"})
    assert made.status_code == 201
    return untouched


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused_with_pointer_and_hint_and_nothing_is_written(
    case: Bad, api: httpx.Client, busy: str, shared_superuser: psycopg.Connection
) -> None:
    before = counts(shared_superuser)

    path = case.path.replace("{w}", busy)
    if case.raw is not None:
        response = api.request(case.method, path, content=case.raw, headers=case.headers)
    else:
        response = api.request(case.method, path, json=case.body, headers=case.headers)

    problem = problem_of(response)
    assert (response.status_code, problem["code"]) == (case.status, case.code), problem
    assert case.pointer in [error["pointer"] for error in problem["errors"]], problem
    assert all(error["detail"] and error["hint"] for error in problem["errors"]), problem
    assert counts(shared_superuser) == before


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (CRON | {"crom": "* * * * *"}, "Did you mean cron?"),
        (CRON | {"zzz": 1}, "Known fields: "),
        ({"trigger": "IMMEDIATE"}, "Add it, for example"),
        (CRON | {"starts_at": "2099-01-01T00:00:00"}, "offset is missing"),
    ],
)
def test_a_hint_says_what_to_write_instead(api: httpx.Client, untouched: str, body: dict[str, Any], hint: str) -> None:
    problem = problem_of(api.post(f"/v1/workspaces/{untouched}/jobs", json=body))

    assert hint in problem["errors"][0]["hint"]


@pytest.mark.parametrize(
    ("change", "detail", "hint"),
    [
        ({"name": "Backup /logs/ + daily"}, "not a valid name", "The title may be any text."),
        ({"config": "x"}, "no config 'x' in this workspace", "Create the config first"),
        ({"payload_spec": "x"}, "no payload spec 'x' in this workspace", "Create the payload spec first"),
    ],
)
def test_what_there_is_not_yet_is_said_so(
    api: httpx.Client, untouched: str, change: dict[str, Any], detail: str, hint: str
) -> None:
    (fault,) = problem_of(api.post(f"/v1/workspaces/{untouched}/endpoints", json=HTTP | change))["errors"]

    assert fault["detail"] == detail
    assert hint in fault["hint"]


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer", "most"),
    [
        ("POST", "/jobs", CRON | {"tags": ["a" * 65]}, "/tags/0", 64),
        ("POST", "/jobs", CRON | {"title": "a" * 201}, "/title", 200),
        ("POST", "/jobs/any/pause", {"note": "a" * 501}, "/note", 500),
        ("PATCH", "", {"name": "a" * 201}, "/name", 200),
    ],
)
def test_a_text_that_is_too_long_has_characters(
    api: httpx.Client, untouched: str, method: str, path: str, body: dict[str, Any], pointer: str, most: int
) -> None:
    (fault,) = problem_of(api.request(method, f"/v1/workspaces/{untouched}{path}", json=body))["errors"]

    assert (fault["pointer"], fault["detail"]) == (pointer, f"string should have at most {most} characters")


def test_a_list_that_is_too_long_says_how_many_may_be_sent(api: httpx.Client, untouched: str) -> None:
    answer = api.post(f"/v1/workspaces/{untouched}/jobs:batch", json={"jobs": [CRON] * 1001})

    (fault,) = problem_of(answer)["errors"]

    assert "at most 1000 items, not 1001" in fault["detail"]
    assert fault["hint"] == "Send at most 1000 at a time."


def test_all_faults_are_reported_at_once(api: httpx.Client, untouched: str) -> None:
    body = {"trigger": "CRON", "endpoint": 1, "max_runs": "x", "crom": 1}

    problem = problem_of(api.post(f"/v1/workspaces/{untouched}/jobs", json=body))

    assert {error["pointer"] for error in problem["errors"]} == {"/endpoint", "/max_runs", "/crom"}
