"""One trace from the request to the delivery: a real API process, a real worker and a collector that speaks OTLP."""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from api_process import serving
from delivery.servers import Receiver, Request, Talk
from factory import add_key
from otlp import Collector, Span, collecting
from sql_factory import fire, value
from worker.running import keep_from_ringing, until, workers

_SERVER, _CLIENT = 2, 3
PLANTED = {
    name: f"planted-{name}-{secrets.token_hex(8)}" for name in ("body", "query", "header", "secret", "key", "path")
}
"""Values that must be in no span: an input, an endpoint's URL and header, a stored secret, an invalid key, and a path
that an unauthorized caller requested, which is in the log."""


@dataclass
class Scene:
    client: httpx.Client
    collector: Collector
    superuser: psycopg.Connection
    receiver: Receiver
    workspace: str
    api_lines: list[str]
    worker_log: Path

    def requests_of(self, execution_id: str) -> list[Request]:
        return [each for each in self.receiver.requests if each.headers["kronos-execution-id"] == execution_id]

    def lines(self, event: str, trace: str) -> list[dict[str, object]]:
        """The lines of both logs with this event and trace."""
        written = [*self.api_lines, *self.worker_log.read_text().splitlines()]
        found = [json.loads(line) for line in written if line.startswith("{")]
        return [each for each in found if each["event"] == event and each.get("trace_id") == trace]

    async def spans(self, trace: str, *names: str) -> dict[str, Span]:
        """The trace's spans, once all of these have arrived."""
        await until(lambda: set(names) <= self.collector.named(trace).keys(), f"the spans {names} of {trace}")
        return self.collector.named(trace)


def _traceparent(flags: str = "01") -> tuple[str, str, str]:
    """A caller's trace, span and header."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, f"00-{trace}-{span}-{flags}"


async def _answer(talk: Talk) -> None:
    """Reject the first attempt of a request whose body contains "twice"."""
    is_first = talk.request.headers["kronos-attempt"] == "1" and b"twice" in talk.request.body
    status = "503 Busy" if is_first else "200 OK"
    await talk.send(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode())


@pytest.fixture
async def scene(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    key = add_key(superuser, None, "instance_admin")
    keep_from_ringing(superuser)
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        own = {
            "KRONOS_EGRESS_ALLOW": "127.0.0.0/8",
            "KRONOS_ENCRYPTION_KEY_FILE": str(_key_file(tmp_path)),
            "KRONOS_LOG_FORMAT": "json",
        }
        with serving(database_url, **own) as process, workers() as start:
            async with Receiver(_answer, keep=True) as receiver:
                log = tmp_path / "log"
                start(database_url, log, poll_seconds=0.2, log_format="json", encryption_key_file=_key_file(tmp_path))
                headers = {"Authorization": f"Bearer {key}"}
                with httpx.Client(base_url=process.url, headers=headers, timeout=300) as client:
                    workspace = _workspace(client, receiver.url)
                    yield Scene(client, collector, superuser, receiver, workspace, process.lines, log)


def _key_file(directory: Path) -> Path:
    from kronos import encryption

    path = directory / "encryption.key"
    if not path.exists():
        encryption.make_key_file(path)
    return path


def _workspace(client: httpx.Client, url: str) -> str:
    def made(path: str, body: dict[str, object], method: str = "POST") -> None:
        answer = client.request(method, f"/v1/{path}", json=body)
        assert answer.is_success, answer.text

    made("workspaces", {"slug": "acme", "name": "acme"})
    made("workspaces/acme/secrets/token", {"value": PLANTED["secret"]}, "PUT")
    spec = {
        "url": f"{url}?code={PLANTED['query']}",
        "headers": {"X-Code": PLANTED["header"], "X-Token": "{{secret.token}}"},
        "body_template": {"input": "{{input}}"},
    }
    retries = {"initial_delay_ms": 10, "max_delay_ms": 10}
    made("workspaces/acme/endpoints", {"name": "hook", "type": "HTTP", "spec": spec, "retry_policy": retries})
    return "acme"


def _make(scene: Scene, traceparent: str | None, **job: object) -> dict[str, str]:
    headers = {"baggage": "user=somebody", "tracestate": "vendor=1"}
    if traceparent is not None:
        headers["traceparent"] = traceparent
    body = {"endpoint": "hook", "input": {"planted": PLANTED["body"]}} | job
    answer = scene.client.post(f"/v1/workspaces/{scene.workspace}/jobs", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def _lasts(span: Span) -> int:
    return span.ended - span.began


async def test_a_one_shot_is_a_part_of_the_trace_of_the_request_that_makes_it(scene: Scene) -> None:
    trace, caller, header = _traceparent()
    job = _make(scene, header, trigger="IMMEDIATE")
    spans = await scene.spans(trace, "POST /v1/workspaces/{w}/jobs", "create_job", "fire", "claim", "deliver")
    request, operation = spans["POST /v1/workspaces/{w}/jobs"], spans["create_job"]
    statement = spans["jobs.insert_one_shots"]
    assert (request.parent, operation.parent, statement.parent) == (caller, request.id, operation.id)
    fired, claimed, delivered = spans["fire"], spans["claim"], spans["deliver"]
    assert (fired.parent, claimed.parent, delivered.parent) == (operation.id, fired.id, claimed.id)
    assert (request.kind, statement.kind, delivered.kind) == (_SERVER, _CLIENT, _CLIENT)
    assert {request.service, operation.service} == {"kronos-api"}
    assert {fired.service, claimed.service, delivered.service} == {"kronos-worker"}
    assert claimed.began >= fired.ended
    (sent,) = scene.requests_of(job["job_id"])
    assert sent.headers["traceparent"] == f"00-{trace}-{delivered.id}-01"
    assert not {"baggage", "tracestate"} & sent.headers.keys()
    assert request.attributes["kronos.workspace"] == "acme"
    assert request.attributes["http.response.status_code"] == 201
    assert delivered.attributes["http.response.status_code"] == 200
    assert delivered.attributes["kronos.execution_id"] == job["job_id"]
    assert delivered.attributes["kronos.verdict"] == "success"
    await until(lambda: scene.lines("request.answered", trace), "the request's line")
    (answered,) = scene.lines("request.answered", trace)
    assert (answered["workspace"], answered["path"], answered["status"]) == ("acme", "/v1/workspaces/acme/jobs", 201)
    assert answered["request_id"] == request.attributes["kronos.request_id"]
    (attempt,) = scene.lines("attempt.succeeded", trace)
    assert (attempt["execution_id"], attempt["attempt"], attempt["level"]) == (job["job_id"], 1, "DEBUG")


async def test_a_tick_has_a_trace_of_its_own_that_shows_its_lag_and_links_to_the_request_that_made_its_job(
    scene: Scene,
) -> None:
    trace, _, header = _traceparent()
    job_id = UUID(_make(scene, header, trigger="CRON", cron="0 0 1 1 *", name="twice", input={"do": "twice"})["job_id"])
    operation = (await scene.spans(trace, "create_job"))["create_job"]
    tick: datetime = value(
        scene.superuser,
        "update kronos.pointers set next_tick_at = date_trunc('second', kronos.now()) - interval '7 s' "
        "where job_id = %s returning next_tick_at",
        [job_id],
    )
    assert fire(scene.superuser, job_id) == 1
    await until(lambda: len(scene.receiver.requests) == 2, "both attempts")
    execution_id = scene.receiver.requests[0].headers["kronos-execution-id"]
    own = UUID(execution_id).hex
    await until(lambda: len(scene.collector.of(own)) == 5, "the spans of the tick")
    by_name = [each.name for each in scene.collector.of(own)]
    assert sorted(by_name) == ["claim", "claim", "deliver", "deliver", "fire"]
    fired = scene.collector.named(own)["fire"]
    assert (fired.parent, fired.links) == ("", ((trace, operation.id),))
    assert fired.began == int(tick.timestamp()) * 10**9
    assert _lasts(fired) >= 7 * 10**9
    assert fired.attributes["kronos.tick_lag_ms"] == _lasts(fired) // 10**6
    assert fired.attributes["kronos.cause"] == "SCHEDULE"
    claims = {each.id: each for each in scene.collector.of(own) if each.name == "claim"}
    assert {each.parent for each in claims.values()} == {fired.id}
    deliveries = {each.attributes["kronos.attempt"]: each for each in scene.collector.of(own) if each.name == "deliver"}
    first, second = deliveries[1], deliveries[2]
    assert first.is_error
    assert (first.attributes["error.type"], first.attributes["kronos.verdict"]) == ("http_status", "retry")
    assert not second.is_error
    assert claims[first.parent].attributes["kronos.attempt"] == 1
    told = [each.headers["traceparent"] for each in scene.receiver.requests]
    assert told == [f"00-{own}-{first.id}-01", f"00-{own}-{second.id}-01"]


async def test_a_run_by_hand_is_a_part_of_the_trace_of_its_request_and_not_of_its_jobs(scene: Scene) -> None:
    _, _, made_by = _traceparent()
    job_id = _make(scene, made_by, trigger="CRON", cron="0 0 1 1 *", name="byhand")["job_id"]
    trace, _, header = _traceparent()
    path = f"/v1/workspaces/{scene.workspace}/jobs/{job_id}/trigger"
    assert scene.client.post(path, headers={"traceparent": header}).is_success
    spans = await scene.spans(trace, "trigger_job", "fire", "deliver")
    assert spans["fire"].parent == spans["trigger_job"].id
    assert spans["fire"].attributes["kronos.cause"] == "MANUAL"


async def test_what_its_caller_does_not_sample_is_not_sampled_and_what_it_says_wrongly_begins_a_trace(
    scene: Scene,
) -> None:
    unsampled, _, header = _traceparent("00")
    first = _make(scene, header, trigger="IMMEDIATE")
    second = _make(scene, "00-0000000000000000000000000000000-1-01", trigger="IMMEDIATE")
    await until(lambda: scene.requests_of(first["job_id"]) and scene.requests_of(second["job_id"]), "both deliveries")
    own = scene.requests_of(second["job_id"])[0].headers["traceparent"].split("-")[1]
    spans = await scene.spans(own, "create_job", "deliver", "POST /v1/workspaces/{w}/jobs")
    assert spans["POST /v1/workspaces/{w}/jobs"].parent == ""
    (sent,) = scene.requests_of(first["job_id"])
    version, trace, _, flags = sent.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", unsampled, "00")
    assert scene.collector.of(unsampled) == []


async def test_no_span_and_no_line_of_a_log_holds_what_a_request_or_a_delivery_carries(scene: Scene) -> None:
    trace, _, header = _traceparent()
    job = _make(scene, header, trigger="IMMEDIATE", input={"planted": PLANTED["body"]})
    planted = {"Authorization": f"Bearer kr_live_{PLANTED['key']}_{PLANTED['key']}", "traceparent": header}
    refused = scene.client.get(f"/v1/workspaces/{PLANTED['path']}/jobs?code={PLANTED['query']}", headers=planted)
    assert refused.status_code == 401
    wrong = {"endpoint": PLANTED["body"], "trigger": "IMMEDIATE"}
    answer = scene.client.post("/v1/workspaces/acme/jobs", json=wrong, headers={"traceparent": header})
    assert answer.status_code in (404, 422), answer.text
    await scene.spans(trace, "deliver", "list_jobs")
    (sent,) = scene.requests_of(job["job_id"])
    assert all(PLANTED[each].encode() in json.dumps(sent.headers).encode() + sent.body for each in ("body", "secret"))
    spans = b"".join(scene.collector.bodies)
    logs = "".join(scene.api_lines).encode() + scene.worker_log.read_bytes()
    assert b"attempt.succeeded" in logs
    assert [name for name, text in PLANTED.items() if text.encode() in spans] == []
    assert [name for name, text in PLANTED.items() if text.encode() in logs] == ["path"]
