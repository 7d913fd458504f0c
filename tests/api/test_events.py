"""GET /v1/workspaces/{w}/events: changes arrive within a moment, in order, and none is lost."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from api_answers import problem_of
from conftest import Api, await_condition, holding, make_workspace, running_api
from kronos import errors
from kronos.api.places import EventPlace, place_of

_SECONDS = 30.0


@dataclass
class Heard:
    """One event, as received."""

    type: str
    data: dict[str, Any]
    id: str | None


@dataclass
class Listener:
    """The events that one client receives, read in a thread."""

    response: httpx.Response
    last_id: str | None = None
    comments: list[str] = field(default_factory=list)
    _heard: "Queue[Heard | None]" = field(default_factory=Queue)

    def read(self) -> None:
        kind, data, given = "", "", None
        try:
            for line in self.response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif name == "id":
                    self.last_id = given = value
                elif line.startswith(":"):
                    self.comments.append(value)
                if line == "":
                    if data:
                        self._heard.put(Heard(kind, json.loads(data), given))
                    kind, data, given = "", "", None
        except (httpx.HTTPError, httpx.StreamError):
            pass  # cut off, which is an end too
        self._heard.put(None)

    def leave(self) -> None:
        """Close the socket: the reading thread would not notice that the response was closed."""
        with suppress(OSError):
            self.response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def next(self) -> Heard | None:
        """The next event; None if the stream has ended."""
        try:
            return self._heard.get(timeout=_SECONDS)
        except Empty:
            raise AssertionError(f"no event came in {_SECONDS} s") from None

    def until(self, wanted: Callable[[Heard], bool]) -> list[Heard]:
        """All events up to the first one that satisfies `wanted`."""
        heard: list[Heard] = []
        while not heard or not wanted(heard[-1]):
            each = self.next()
            assert each is not None, f"the stream ended after {heard}"
            heard.append(each)
        return heard

    def rest(self) -> list[Heard]:
        """All events until the stream ends."""
        return list(iter(self.next, None))


@contextmanager
def listening(
    client: httpx.Client, workspace: str, after: str | None = None, query_after: str | None = None, **query: str
) -> Iterator[Listener]:
    headers = {} if after is None else {"Last-Event-ID": after}
    if query_after is not None:
        query["after"] = query_after
    with client.stream("GET", f"/v1/workspaces/{workspace}/events", headers=headers, params=query) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("no-store", "no")
        listener = Listener(response)
        thread = threading.Thread(target=listener.read, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.leave()
            thread.join(_SECONDS)


def _job(client: httpx.Client, workspace: str, **given: Any) -> dict[str, Any]:
    asked = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"} | given
    made = client.post(f"/v1/workspaces/{workspace}/jobs", json=asked)
    assert made.status_code == 201, made.text
    return dict(made.json())


def _paused(client: httpx.Client, workspace: str, job: str) -> None:
    client.post(f"/v1/workspaces/{workspace}/jobs/{job}/pause", json={}).raise_for_status()


def test_a_new_job_its_pause_and_its_run_are_heard_in_their_order(api: httpx.Client, workspace: str) -> None:
    with listening(api, workspace) as heard:
        job = _job(api, workspace, name="nightly", input={"secret": "canary"})
        made = heard.next()
        assert made is not None
        assert (made.type, made.data["job_id"], made.data["status"]) == ("job", job["job_id"], "ACTIVE")
        assert (made.data["name"], made.data["next_run_at"]) == ("nightly", job["next_run_at"])
        assert "created" in made.data["changes"]
        _paused(api, workspace, "nightly")
        (*_, paused) = heard.until(lambda each: each.data["status"] == "PAUSED")
        assert paused.data["changes"] != ["created"]
        api.post(f"/v1/workspaces/{workspace}/jobs/nightly/resume")
        run = api.post(f"/v1/workspaces/{workspace}/jobs/nightly/trigger", json={}).json()
        (*_, last) = heard.until(lambda each: each.type == "execution")
        assert (last.data["execution_id"], last.data["job_name"]) == (run["execution_id"], "nightly")
        assert (last.data["status"], last.data["changes"]) == ("QUEUED", ["created"])
        api.post(f"/v1/workspaces/{workspace}/executions/{run['execution_id']}/cancel").raise_for_status()
        (*_, ended) = heard.until(lambda each: each.type == "execution")
        assert (ended.data["status"], ended.data["reason"]) == ("CANCELLED", "cancelled")
        assert ended.data["completed_at"] is not None
        assert "canary" not in str([made, paused, last, ended])


def test_a_one_shot_without_a_row_is_a_job_and_an_execution(api: httpx.Client, workspace: str) -> None:
    with listening(api, workspace) as heard:
        asked = {"endpoint": "sink", "trigger": "IMMEDIATE"}
        made = api.post(f"/v1/workspaces/{workspace}/jobs", json=asked).raise_for_status().json()
        told = heard.until(lambda each: each.type == "execution")
        assert {(each.type, each.data["job_id"]) for each in told} == {
            ("job", made["job_id"]),
            ("execution", made["job_id"]),
        }
        assert (told[0].data["trigger"], told[0].data["status"]) == ("IMMEDIATE", "ACTIVE")
        api.delete(f"/v1/workspaces/{workspace}/jobs/{made['job_id']}").raise_for_status()
        ended = heard.until(lambda each: each.type == "execution")
        shown = api.get(f"/v1/workspaces/{workspace}/jobs/{made['job_id']}").json()
        assert (ended[0].type, ended[0].data["status"]) == ("job", shown["status"])


def test_a_listener_hears_what_it_asked_for(api: httpx.Client, workspace: str) -> None:
    other = _job(api, workspace, name="other")
    with (
        listening(api, workspace, types="execution") as executions,
        listening(api, workspace, job="nightly", types="job,execution") as of_name,
        listening(api, workspace, job=other["job_id"]) as of_id,
        listening(api, workspace, status="PAUSED") as paused,
    ):
        _job(api, workspace, name="nightly")
        for each in ("other", "nightly"):
            _paused(api, workspace, each)
        api.post(f"/v1/workspaces/{workspace}/jobs/other/trigger", json={}).raise_for_status()
        api.post(f"/v1/workspaces/{workspace}/jobs/nightly/trigger", json={}).raise_for_status()
        last = "execution"
        assert {each.type for each in executions.until(lambda each: each.data.get("job_name") == "nightly")} == {last}
        assert {each.data.get("name", "nightly") for each in of_name.until(lambda each: each.type == last)} == {
            "nightly"
        }
        assert {each.data["job_id"] for each in of_id.until(lambda each: each.type == last)} == {other["job_id"]}
        assert {each.data["status"] for each in paused.until(lambda each: each.data["name"] == "nightly")} == {"PAUSED"}


def test_heartbeats_come_to_who_asks_for_them_as_they_are(api: httpx.Client, workspace: str) -> None:
    """A heartbeat that was created, pinged, failed and changed: events show the last state of each, and nothing of what
    the job printed.
    """
    path = f"/v1/workspaces/{workspace}/heartbeats/backup"
    with (
        listening(api, workspace, types="heartbeat") as heard,
        listening(api, workspace, types="job,heartbeat") as both,
        listening(api, workspace) as others,
    ):
        url = api.put(path, json={"period_seconds": 3600}).raise_for_status().json()["ping_url"]
        made = heard.until(lambda each: each.data["state"] == "NEW")[-1]
        assert (made.type, made.data["name"], made.data["workspace"]) == ("heartbeat", "backup", workspace)
        assert "created" in made.data["changes"]
        api.post(f"{httpx.URL(url).path}/start").raise_for_status()
        assert heard.until(lambda each: each.data["state"] == "RUNNING")[-1].data["running_since"] is not None
        api.post(f"{httpx.URL(url).path}/3", content=b"hunter2").raise_for_status()
        failed = heard.until(lambda each: each.data["state"] == "DOWN")[-1]
        assert (failed.data["last_status"], failed.data["changes"]) == ("FAILED", ["changed"])
        assert "hunter2" not in json.dumps(failed.data)
        assert failed.data["last_ping_at"] is not None
        api.post(f"{path}/pause", json={}).raise_for_status()
        paused = heard.until(lambda each: each.data["state"] == "PAUSED")[-1].data
        shown = api.get(path).json()
        assert paused["heartbeat_id"] == shown["heartbeat_id"]
        assert {name: paused[name] for name in paused if name != "changes"} == {
            name: shown[name] for name in paused if name != "changes"
        }
        api.delete(path).raise_for_status()
        _job(api, workspace, name="nightly")
        assert both.until(lambda each: each.type == "job")[0].type == "heartbeat"
        assert {each.type for each in others.until(lambda each: each.data.get("name") == "nightly")} == {"job"}


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"types": "jobs"}, "/types"),
        ({"types": "heartbeat,"}, "/types"),
        ({"types": "resource,endpoint"}, "/types"),
        ({"status": "DONE"}, "/status"),
        ({"after": "no place"}, "/after"),
        ({"Last-Event-ID": "AQ9x"}, "/Last-Event-ID"),
        ({"Last-Event-ID": "\u00fc"}, "/Last-Event-ID"),
        ({"limit": "1"}, "/limit"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused_with_what_to_write(
    api: httpx.Client, workspace: str, asked: dict[str, str], pointer: str
) -> None:
    headers = {name.encode(): each.encode() for name, each in asked.items() if name == "Last-Event-ID"}
    query = {name: each for name, each in asked.items() if name != "Last-Event-ID"}
    problem = problem_of(api.get(f"/v1/workspaces/{workspace}/events", headers=headers, params=query))
    assert (problem["status"], problem["errors"][0]["pointer"]) == (400, pointer)
    assert problem["errors"][0]["hint"]


def test_a_place_is_of_its_workspace(api: httpx.Client, workspace: str) -> None:
    with listening(api, make_workspace(api)) as theirs:
        await_condition(lambda: theirs.last_id is not None, "a place")
    answer = api.get(f"/v1/workspaces/{workspace}/events", headers={"Last-Event-ID": str(theirs.last_id)})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "snapshot", ["0:5:", "6:5:", "5:4294967296:", "4294967296:4294967299:", f"5:{2**63}:", "5:9:4", "5:9:7,6", "5:9:9"]
)
def test_a_place_that_is_no_snapshot_is_refused(snapshot: str) -> None:
    workspace_id = uuid4()
    given = str(EventPlace(workspace_id=workspace_id, generation=uuid4(), snapshot=snapshot))
    with pytest.raises(errors.InvalidRequest):
        place_of(given, workspace_id, "/after")


def test_nothing_is_lost_between_two_connections_nor_what_is_committed_late(
    api: httpx.Client, workspace: str, shared_api: Api, shared_superuser: psycopg.Connection
) -> None:
    """The transaction that commits last began first. A place was handed out between its start and its commit."""
    for name in ("early", "late"):
        _job(api, workspace, name=name)
    with listening(api, workspace) as heard, psycopg.connect(shared_api.database_url) as late:
        late.execute(
            "update kronos.jobs set title = 'Late' where name = 'late' and workspace_id = %s", [_id(api, workspace)]
        )
        _paused(api, workspace, "early")
        heard.until(lambda each: each.data["name"] == "early" and each.id is not None)
        place = heard.last_id
        heard.leave()
        late.commit()
    _job(api, workspace, name="meanwhile")
    with listening(api, workspace, after=place) as again:
        names = {each.data["name"]: each.data for each in again.until(lambda each: each.id is not None)}
        assert names["late"]["title"] == "Late"
        assert "meanwhile" in names
        assert "early" not in names
    with listening(api, workspace, query_after=place) as again:
        assert {each.data["name"] for each in again.until(lambda each: each.id is not None)} >= {"late", "meanwhile"}


def _id(client: httpx.Client, workspace: str) -> str:
    return str(client.get(f"/v1/workspaces/{workspace}").raise_for_status().json()["workspace_id"])


def test_a_suspended_workspace_is_heard_and_a_deleted_ones_streams_end(api: httpx.Client, workspace: str) -> None:
    job = _job(api, workspace, name="nightly")
    api.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).raise_for_status()
    with listening(api, workspace) as heard:
        api.patch(f"/v1/workspaces/{workspace}", json={"status": "ACTIVE"}).raise_for_status()
        _paused(api, workspace, "nightly")
        (*_, paused) = heard.until(lambda each: each.data["status"] == "PAUSED")
        assert paused.data["job_id"] == job["job_id"]
        api.delete(f"/v1/workspaces/{workspace}", params={"confirm": workspace}).raise_for_status()
        heard.rest()
        assert heard.comments[-1] in ("deleted", "workspace_not_found")


def test_a_revoked_keys_streams_end(api: httpx.Client, workspace: str) -> None:
    keys = f"/v1/workspaces/{workspace}/keys"
    made = api.post(keys, json={"role": "viewer", "name": "listener"}).raise_for_status().json()
    with holding(api, made["key"]) as client, listening(client, workspace) as heard, listening(api, workspace) as other:
        _job(api, workspace, name="nightly")
        heard.until(lambda each: each.data["name"] == "nightly")
        api.delete(f"{keys}/{made['key_id']}").raise_for_status()
        assert [each for each in heard.rest() if each.type != "job"] == []
        assert heard.comments[-1] == "unauthorized"
        _paused(api, workspace, "nightly")  # the other stream continues
        other.until(lambda each: each.data["status"] == "PAUSED")


def test_streams_are_bounded_end_with_the_process_and_go_on_at_another(
    api: httpx.Client, workspace: str, shared_api: Api, tmp_path: Path
) -> None:
    bounds = {"event_streams": 3, "event_streams_per_workspace": 2, "event_streams_per_key": 2}
    other = make_workspace(api)
    key = api.post(f"/v1/workspaces/{other}/keys", json={"role": "viewer", "name": "k"}).json()["key"]
    with ExitStack() as streams:
        with running_api(shared_api.database_url, tmp_path, shutdown_seconds=600, **bounds) as first:
            client = streams.enter_context(holding(first.client, first.key))  # it outlives the process
            open_ones = [streams.enter_context(listening(client, workspace)) for _ in range(2)]
            more = streams.enter_context(holding(first.client, key))
            for to, why in (
                (workspace, "2 clients are already listening to this workspace"),
                (other, "2 clients are already listening with this key"),
            ):
                answer = first.client.get(f"/v1/workspaces/{to}/events")
                assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
                assert why in answer.json()["detail"]
                assert int(answer.headers["retry-after"]) > 0
            streams.enter_context(listening(more, other))
            assert (
                "3 clients are already listening to this process"
                in more.get(f"/v1/workspaces/{other}/events").json()["detail"]
            )
            open_ones[0].leave()  # makes room
            await_condition(lambda: _listens(more, other), "room for another")
            _job(api, workspace, name="before")
            open_ones[1].until(lambda each: each.data["name"] == "before" and each.id is not None)
        # The process stopped immediately, although its streams had no end.
        assert open_ones[1].rest() == []
        assert open_ones[1].comments == ["closed"]
        _job(api, workspace, name="meanwhile")
        with (
            running_api(shared_api.database_url, tmp_path) as second,
            listening(second.client, workspace, after=open_ones[1].last_id) as again,
        ):
            assert {each.data["name"] for each in again.until(lambda each: each.id is not None)} == {"meanwhile"}


def _listens(client: httpx.Client, workspace: str) -> bool:
    with client.stream("GET", f"/v1/workspaces/{workspace}/events") as response:
        return response.status_code == 200


def test_what_postgresql_has_lost_is_said_and_the_stream_goes_on(own_api: Api, superuser: psycopg.Connection) -> None:
    """As after a crash: every connection is gone, and unlogged tables are empty."""
    workspace = make_workspace(own_api.client)
    with listening(own_api.client, workspace) as heard:
        _job(own_api.client, workspace, name="before")
        heard.until(lambda each: each.id is not None)
        before = heard.last_id
        superuser.execute("truncate kronos.live_changes, kronos.live_watches, kronos.live_marks, kronos.live_origin")
        superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kronos-api'"
            " and datname = current_database()"
        )
        (*_, lost) = heard.until(lambda each: each.type == "reset")
        assert lost.data == {"reason": "missed"}
        await_condition(lambda: own_api.client.get(f"/v1/workspaces/{workspace}").status_code == 200, "the API")
        _job(own_api.client, workspace, name="after")
        heard.until(lambda each: each.data.get("name") == "after" and each.id is not None)
        with listening(own_api.client, workspace, after=before) as stale:
            told = stale.next()
            assert told is not None
            assert (told.type, told.data) == ("reset", {"reason": "missed"})
        with listening(own_api.client, workspace, after=heard.last_id) as again:
            _job(own_api.client, workspace, name="last")
            assert [each.type for each in again.until(lambda each: each.data.get("name") == "last")] == ["job"]
