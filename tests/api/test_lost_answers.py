"""PostgreSQL's connection is cut at each point of each write: the answer is true, and repeating makes nothing twice."""

import logging
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from alert_rows import add_incident
from api.cut_scene import CutOff, Scene, cut_off
from api.cutting_proxy import Point
from api_answers import problem_of
from conftest import Api, await_condition, cloned, running_api
from depth import depth
from kronos import config
from kronos.api import app
from kronos.api.operation import Operation
from servers import Server

POINTS: tuple[Point, ...] = ("before", "after", "during")
CUTS = depth(10, deep=64)
"""At how many of its requests a call is cut: at all of them, except for an apply, which sends 35."""
CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}


@dataclass(frozen=True, kw_only=True)
class Write:
    """A write on the objects that `ready` makes: its path, and the values of the path's names."""

    path: str
    body: dict[str, Any] | None = None
    ready: Callable[[Scene], dict[str, str]] = field(default=lambda scene: {})
    makes: str | None = None
    """For a call that makes something: the member of its answer that identifies it."""


def _cron(scene: Scene) -> dict[str, str]:
    return {"j": scene.made("/jobs", CRON)["job_id"]}


def _minutely(scene: Scene) -> dict[str, str]:
    job_id = scene.made("/jobs", CRON | {"cron": "* * * * *"})["job_id"]
    scene.superuser.execute(
        "update kronos.jobs set ticks_from = now() - interval '9 days', created_at = now() - interval '9 days' where "
        "job_id = %s",
        [job_id],
    )
    return {"j": job_id}


def _paused(scene: Scene) -> dict[str, str]:
    scene.made(f"/jobs/{(names := _cron(scene))['j']}/pause")
    return names


def _waiting(scene: Scene) -> dict[str, str]:
    return {"e": scene.made("/jobs", {"endpoint": "sink", "trigger": "IMMEDIATE"})["execution"]["execution_id"]}


def _cancelled(scene: Scene) -> dict[str, str]:
    """A cancelled manual run of a job that is still live."""
    run = scene.made(f"/jobs/{_cron(scene)['j']}/trigger")
    return {"e": scene.made(f"/executions/{run['execution_id']}/cancel")["execution_id"]}


def _endpoint(scene: Scene) -> dict[str, str]:
    return {"name": scene.made("/endpoints", {"name": "other", **HTTP})["name"]}


def _disabled(scene: Scene) -> dict[str, str]:
    scene.made(f"/endpoints/{(names := _endpoint(scene))['name']}/disable")
    return names


def _key(scene: Scene) -> dict[str, str]:
    return {"key_id": scene.made("/keys", {"role": "viewer"})["key_id"]}


def _mapping(scene: Scene) -> dict[str, str]:
    return {"mapping_id": scene.made("/role-mappings", {"group": "readers", "role": "viewer"})["mapping_id"]}


def _organization(scene: Scene) -> dict[str, str]:
    scene.making.post("/v1/organizations", json={"slug": scene.new}).raise_for_status()
    return {"org": scene.new}


def _calendar(scene: Scene) -> dict[str, str]:
    return {"name": scene.made("/calendars", {"name": "other"})["name"]}


def _config(scene: Scene) -> dict[str, str]:
    return {"name": scene.made("/configs", {"name": "other", "values": {}})["name"]}


def _spec(scene: Scene) -> dict[str, str]:
    return {"name": scene.made("/payload-specs", {"name": "other", "schema": {}})["name"]}


def _backfill(scene: Scene) -> dict[str, str]:
    return {"b": scene.made(f"/jobs/{_minutely(scene)['j']}/backfill", WINDOW)["backfill_id"]}


def _secret(scene: Scene) -> dict[str, str]:
    scene.making.put(f"{scene.base}/secrets/other", json={"value": "a value"}).raise_for_status()
    return {"name": "other"}


def _heartbeat(scene: Scene) -> dict[str, str]:
    return {"name": scene.made("/heartbeats", {"name": "other", "period_seconds": 60})["name"]}


def _paused_heartbeat(scene: Scene) -> dict[str, str]:
    names = _heartbeat(scene)
    scene.made(f"/heartbeats/{names['name']}/pause")
    return names


def _rule(scene: Scene) -> dict[str, str]:
    return {"name": scene.made("/alert-rules", {"name": "other", "condition": {"type": "MISSED"}})["name"]}


def _incident(scene: Scene) -> dict[str, str]:
    return {"i": add_incident(scene.superuser, scene.slug)}


def _operation(scene: Scene) -> dict[str, str]:
    return {"o": scene.made("/dead-letters/discard", {})["operation_id"]}


def _empty(scene: Scene) -> dict[str, str]:
    scene.slug = f"e-{uuid.uuid4().hex[:12]}"
    scene.making.post("/v1/workspaces", json={"slug": scene.slug}).raise_for_status()
    return {}


def _suspended(scene: Scene) -> dict[str, str]:
    _cron(scene)
    scene.making.patch(scene.base, json={"status": "SUSPENDED"}).raise_for_status()
    return {}


HTTP = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}}
WINDOW = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T00:05:00Z"}
ONE = "/v1/workspaces/{w}"
WRITES = {
    "cron job": Write(path=f"POST {ONE}/jobs", body=CRON | {"name": "same"}, makes="job_id"),
    "one-shot": Write(path=f"POST {ONE}/jobs", body={"endpoint": "sink", "trigger": "IMMEDIATE"}, makes="job_id"),
    "local one-shot": Write(
        path=f"POST {ONE}/jobs",
        body={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00", "timezone": "Asia/Tokyo"},
        makes="job_id",
    ),
    "batch": Write(
        path=f"POST {ONE}/jobs:batch",
        body={"jobs": [CRON | {"name": "same"}, {"endpoint": "sink", "trigger": "IMMEDIATE"}]},
        makes="data",
    ),
    "trigger": Write(
        path=f"POST {ONE}/jobs/{{j}}/trigger", body={"input": {"a": 1}}, ready=_cron, makes="execution_id"
    ),
    "backfill": Write(path=f"POST {ONE}/jobs/{{j}}/backfill", body=WINDOW, ready=_minutely, makes="backfill_id"),
    "retry": Write(path=f"POST {ONE}/executions/{{e}}/retry", ready=_cancelled, makes="execution_id"),
    "endpoint": Write(path=f"POST {ONE}/endpoints", body={"name": "new", **HTTP}, makes="endpoint_id"),
    "workspace": Write(path="POST /v1/workspaces", body={"slug": "{new}"}),
    "apply": Write(path=f"POST {ONE}/apply", body={"jobs": [{"name": "new", "endpoint": "sink", "every": "1h"}]}),
    "patched job": Write(path=f"PATCH {ONE}/jobs/{{j}}", body={"tags": ["x"]}, ready=_cron),
    "jobs in bulk": Write(path=f"POST {ONE}/jobs:bulk", body={"action": "pause", "filter": {}}, ready=_cron),
    "cancelled job": Write(path=f"DELETE {ONE}/jobs/{{j}}", ready=_cron),
    "paused job": Write(path=f"POST {ONE}/jobs/{{j}}/pause", body={}, ready=_cron),
    "resumed job": Write(path=f"POST {ONE}/jobs/{{j}}/resume", body={}, ready=_paused),
    "skipped ticks": Write(path=f"POST {ONE}/jobs/{{j}}/skip-next", body={"count": 2}, ready=_cron),
    "cancelled execution": Write(path=f"POST {ONE}/executions/{{e}}/cancel", ready=_waiting),
    "cancelled backfill": Write(path=f"POST {ONE}/backfills/{{b}}/cancel", ready=_backfill),
    "replaced endpoint": Write(path=f"PUT {ONE}/endpoints/{{name}}", body=HTTP, ready=_endpoint),
    "endpoint by PUT": Write(path=f"PUT {ONE}/endpoints/{{name}}", body=HTTP, ready=lambda scene: {"name": "fresh"}),
    "deleted endpoint": Write(path=f"DELETE {ONE}/endpoints/{{name}}", ready=_endpoint),
    "disabled endpoint": Write(path=f"POST {ONE}/endpoints/{{name}}/disable", body={}, ready=_endpoint),
    "enabled endpoint": Write(path=f"POST {ONE}/endpoints/{{name}}/enable", body={}, ready=_disabled),
    "calendar": Write(path=f"POST {ONE}/calendars", body={"name": "new"}, makes="calendar_id"),
    "replaced calendar": Write(path=f"PUT {ONE}/calendars/{{name}}", body={"timezone": "Asia/Tokyo"}, ready=_calendar),
    "deleted calendar": Write(path=f"DELETE {ONE}/calendars/{{name}}", ready=_calendar),
    "config": Write(path=f"POST {ONE}/configs", body={"name": "new", "values": {}}, makes="config_id"),
    "replaced config": Write(path=f"PUT {ONE}/configs/{{name}}", body={"values": {"a": 1}}, ready=_config),
    "deleted config": Write(path=f"DELETE {ONE}/configs/{{name}}", ready=_config),
    "payload spec": Write(
        path=f"POST {ONE}/payload-specs", body={"name": "new", "schema": {}}, makes="payload_spec_id"
    ),
    "replaced payload spec": Write(path=f"PUT {ONE}/payload-specs/{{name}}", body={"schema": True}, ready=_spec),
    "deleted payload spec": Write(path=f"DELETE {ONE}/payload-specs/{{name}}", ready=_spec),
    "secret": Write(path=f"POST {ONE}/secrets", body={"name": "new", "value": "a value"}),
    "replaced secret": Write(path=f"PUT {ONE}/secrets/{{name}}", body={"value": "another"}, ready=_secret),
    "deleted secret": Write(path=f"DELETE {ONE}/secrets/{{name}}", ready=_secret),
    "heartbeat": Write(path=f"POST {ONE}/heartbeats", body={"name": "new", "period_seconds": 60}),
    "replaced heartbeat": Write(path=f"PUT {ONE}/heartbeats/{{name}}", body={"cron": "0 3 * * *"}, ready=_heartbeat),
    "pause of a heartbeat": Write(path=f"POST {ONE}/heartbeats/{{name}}/pause", body={}, ready=_heartbeat),
    "resume of a heartbeat": Write(path=f"POST {ONE}/heartbeats/{{name}}/resume", body={}, ready=_paused_heartbeat),
    "rotate of a heartbeat": Write(path=f"POST {ONE}/heartbeats/{{name}}/rotate", body={}, ready=_heartbeat),
    "deleted heartbeat": Write(path=f"DELETE {ONE}/heartbeats/{{name}}", ready=_heartbeat),
    "rule": Write(path=f"POST {ONE}/alert-rules", body={"name": "new", "condition": {"type": "MISSED"}}),
    "replaced rule": Write(
        path=f"PUT {ONE}/alert-rules/{{name}}", body={"condition": {"type": "LATE", "seconds": 9}}, ready=_rule
    ),
    "deleted rule": Write(path=f"DELETE {ONE}/alert-rules/{{name}}", ready=_rule),
    "acknowledged incident": Write(path=f"POST {ONE}/incidents/{{i}}/acknowledge", body={}, ready=_incident),
    "snoozed incident": Write(
        path=f"POST {ONE}/incidents/{{i}}/snooze", body={"until": "2099-01-01T00:00:00Z"}, ready=_incident
    ),
    "redrive": Write(path=f"POST {ONE}/dead-letters/redrive", body={}, makes="operation_id"),
    "discard": Write(path=f"POST {ONE}/dead-letters/discard", body={}, makes="operation_id"),
    "bulk": Write(path=f"POST {ONE}/operations", body={"action": "pause", "filter": {}}, makes="operation_id"),
    "cancelled operation": Write(path=f"POST {ONE}/operations/{{o}}/cancel", ready=_operation),
    "renamed workspace": Write(path=f"PATCH {ONE}", body={"name": "renamed"}),
    "suspended workspace": Write(path=f"PATCH {ONE}", body={"status": "SUSPENDED"}, ready=_cron),
    "resumed workspace": Write(path=f"PATCH {ONE}", body={"status": "ACTIVE"}, ready=_suspended),
    "deleted workspace": Write(path=f"DELETE {ONE}", ready=_empty),
    "ages": Write(path=f"PUT {ONE}/retention", body={"success_days": 3}),
    "quotas": Write(path=f"PUT {ONE}/quotas", body={"max_cron_jobs": 3}),
    "key": Write(path=f"POST {ONE}/keys", body={"role": "viewer", "name": "new"}),
    "rotated key": Write(path=f"POST {ONE}/keys/{{key_id}}/rotate", body={"overlap_seconds": 60}, ready=_key),
    "revoked key": Write(path=f"DELETE {ONE}/keys/{{key_id}}", ready=_key),
    "role mapping": Write(path=f"POST {ONE}/role-mappings", body={"group": "readers", "role": "viewer"}),
    "removed role mapping": Write(path=f"DELETE {ONE}/role-mappings/{{mapping_id}}", ready=_mapping),
    "organization": Write(path="POST /v1/organizations", body={"slug": "{new}"}),
    "renamed organization": Write(path="PATCH /v1/organizations/{org}", body={"name": "renamed"}, ready=_organization),
}


@pytest.fixture(scope="module")
def cut(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutOff]:
    with cloned(server, template) as url, cut_off(url, tmp_path_factory.mktemp("api")) as made:
        yield made


def asked(scene: Scene, write: Write, names: dict[str, str], key: str) -> httpx.Response:
    method, path = write.path.format_map({"w": scene.slug, **names}).split(" ")
    body = {
        name: value.format(new=scene.new) if isinstance(value, str) else value
        for name, value in (write.body or {}).items()
    }
    headers = {} if write.makes in (None, "data") else {"Idempotency-Key": key}  # a batch's jobs have their own keys
    if write.makes == "data":
        body["jobs"] = [each | {"idempotency_key": f"{key} {place}"} for place, each in enumerate(body["jobs"])]
    return scene.client.request(method, path, json=body if method != "DELETE" else None, headers=headers)


def test_every_write_of_the_api_is_cut() -> None:
    routes = app.create(config.load(database_url="postgresql://")).routes
    ours = [each for each in routes if isinstance(each, Operation)]
    writes = {f"{method} {each.path}" for each in ours for method in each.methods or ()}
    of_reads = {f"POST /v1/schedules/{each}" for each in ("preview", "parse")}
    of_reads |= {f"POST {ONE}/{each}" for each in ("endpoints/{name}/render", "jobs/{j}/diff", "schedules/preview")}
    # It uses several transactions, the first of which is like trigger's. It returns the result, not the object.
    of_reads |= {f"POST {ONE}/endpoints/{{name}}/test"}
    of_reads |= {"POST /auth/logout", "POST /auth/key"}  # a session whose answer was lost ends by itself
    # A ping names no workspace, which the proxy needs to choose the cut. A repeated ping of a run counts once.
    of_reads |= {"POST /ping/{token}", "POST /ping/{token}/{signal}"}
    assert {each for each in writes if not each.startswith(("GET", "HEAD"))} - of_reads == {
        write.path for write in WRITES.values()
    }


def requests_of(scene: Scene, write: Write) -> int:
    """Make the call, uncut. Return how many requests to PostgreSQL it takes."""
    names = write.ready(scene)
    scene.proxy.arm("before", 0, of=[scene.slug, scene.new])
    answer = asked(scene, write, names, uuid.uuid4().hex)
    assert answer.is_success, answer.text
    assert 0 < -scene.proxy.left <= 64
    return -scene.proxy.left


def spread(last: int, most: int) -> list[int]:
    """Return up to `most` numbers from 1 to `last`, both of these among them."""
    return sorted({1 + (last - 1) * each // (most - 1) for each in range(most)})


@pytest.mark.parametrize("name", WRITES)
def test_what_is_answered_is_true_wherever_the_connection_is_cut(cut: CutOff, name: str) -> None:
    """Cut at the call's first, second, … request to PostgreSQL, to its last."""
    write, told = WRITES[name], set[str]()
    requests = requests_of(cut.scene(), write)
    for point in POINTS:
        ready: tuple[Scene, dict[str, str]] | None = None
        if point == "during" and write.makes is None:
            break  # either PostgreSQL or the cut may win; only what is answered is checked, above
        cuts = spread(requests, CUTS)
        for at in cuts:
            ready = ready or (made := cut.scene(), write.ready(made))
            (scene, names), key = ready, uuid.uuid4().hex
            before = scene.state()
            scene.proxy.arm(point, at, of=[scene.slug, scene.new])
            answer = asked(scene, write, names, key)
            beyond = scene.proxy.left
            if not scene.proxy.disarm():  # the first call looked up something that is known now
                assert answer.is_success, answer.text
                if (last := at - beyond) not in cuts:
                    cuts.append(last)
                ready = None
                continue
            await_condition(scene.has_ended, "PostgreSQL to finish its requests")
            after = scene.state()
            if not answer.is_success:
                problem = problem_of(answer)
                told.add(problem["code"])
                assert problem["code"] in ("database_unavailable", "outcome_unknown"), problem
                if problem["code"] == "database_unavailable":
                    assert after == before, (point, at, problem)
                    assert answer.headers["Retry-After"]
                else:
                    assert "it may have been done" in problem["detail"]
                    is_repeatable = write.makes is not None
                    assert ("Repeat the call with the same Idempotency-Key" in problem["detail"]) == is_repeatable
                    assert ("Retry-After" in answer.headers) == is_repeatable
            if point == "after" and after != before:
                assert answer.is_success or problem["code"] == "outcome_unknown"
            if write.makes is not None:
                made_once(scene, write, names, key, is_made=after != before)
            if write.makes is not None or answer.is_success or problem["code"] != "database_unavailable":
                ready = None  # something was done, or may have been
    assert "outcome_unknown" in told


def made_once(scene: Scene, write: Write, names: dict[str, str], key: str, *, is_made: bool) -> None:
    """Repeat the call twice. Together the three calls made one thing, and the repetitions return it."""
    again = asked(scene, write, names, key)
    assert again.is_success, again.text
    assert again.headers.get("Idempotent-Replayed", "false") == ("true" if is_made else "false")
    between = scene.state()
    once_more = asked(scene, write, names, key)
    assert once_more.json()[write.makes or ""] == again.json()[write.makes or ""]
    assert once_more.headers["Idempotent-Replayed"] == "true"
    assert scene.state() == between


def test_what_the_api_asks_on_its_own_account_does_not_spend_a_cut(cut: CutOff) -> None:
    scene = cut.scene()
    scene.proxy.arm("before", 1, of=[scene.slug])
    assert "status" in scene.client.get("/readyz").json()
    assert not scene.proxy.has_cut
    assert scene.client.get(f"{scene.base}/jobs").status_code == 200  # a read is sent again
    assert scene.proxy.disarm()


def test_an_answer_that_never_comes_is_reported_as_unknown_and_the_call_can_be_repeated(
    cut: CutOff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL has executed it, but its answer does not arrive before the request's time is up."""
    monkeypatch.setenv("KRONOS_REQUEST_SECONDS", "5")
    proxy = cut.proxy
    with running_api(proxy.url, tmp_path, database_wait_seconds=3) as api:
        scene = cut.scene(api.client)
        write = WRITES["one-shot"]
        before, key = scene.state(), uuid.uuid4().hex
        proxy.arm("held", 1, of=[scene.slug])
        answer = asked(scene, write, {}, key)
        assert proxy.disarm()
        problem = problem_of(answer)

        assert (problem["status"], problem["code"]) == (503, "outcome_unknown")
        assert "took longer than 5 s" in problem["detail"]
        assert "Repeat the call with the same Idempotency-Key" in problem["detail"]
        assert scene.state() != before
        made_once(scene, write, {}, key, is_made=True)


def test_a_caller_that_goes_away_is_one_line_and_no_error(
    shared_api: Api, workspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = shared_api.client.base_url
    head = f"POST /v1/workspaces/{workspace}/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared_api.key}\r\n"
    with caplog.at_level(logging.INFO, "kronos.api"):
        with socket.create_connection((address.host, address.port or 0)) as connection:
            connection.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: 100\r\nRequest-Id: "
                f'gone\r\n\r\n{{"a":'.encode()
            )

        def lines() -> list[logging.LogRecord]:
            return [record for record in caplog.records if "gone" in record.getMessage()]

        await_condition(lines, "the request's line")
    assert [(line.levelname, line.exc_info, " 499 " in line.getMessage()) for line in lines()] == [("INFO", None, True)]
