"""Waiting for results and following events over connections that are cut."""

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from client.both import Both, client_of
from client.conftest import Instance, receiving
from client.stub import Answering, Asked, answer, nothing, problem, stub
from conftest import await_condition, make_workspace
from kronos.client import (
    ExecutionNotSuccessful,
    Kronos,
    NotConnected,
    NotFound,
    RateLimited,
    TimedOut,
    Unauthorized,
    WaitTimedOut,
    WorkspaceClient,
)
from kronos.client._async import waiting as of_tasks
from kronos.client._sync import waiting as of_threads
from kronos.client.bodies import JobCreate, RetryPolicyBody
from kronos.client.models import ExecutionEvent, JobEvent
from looking import starved

ONCE: RetryPolicyBody = {"max_attempts": 1}


@pytest.fixture(params=["threads", "tasks"])
def client(request: pytest.FixtureRequest, instance: Instance) -> Iterator[Both]:
    with client_of(request.param, instance.url, instance.api.key) as made:
        yield made


@pytest.fixture
def place(instance: Instance) -> str:
    return make_workspace(instance.api.client)


@pytest.fixture
def acme(instance: Instance, place: str) -> Iterator[WorkspaceClient]:
    with Kronos(instance.url, instance.api.key) as kronos:
        yield kronos.workspace(place)


def run(acme: WorkspaceClient, endpoint: str) -> uuid.UUID:
    """The execution of a new run."""
    job = acme.jobs.create(endpoint=endpoint, trigger="IMMEDIATE")
    (execution,) = acme.jobs.executions(job.job_id)
    return execution.execution_id


@pytest.mark.parametrize("poll", [False, True])
def test_it_returns_what_succeeded(client: Both, acme: WorkspaceClient, place: str, poll: bool) -> None:
    with receiving() as (url, got):
        acme.endpoints.create(name="hook", type="HTTP", spec={"url": url})
        found = client.ask(f"{place}/wait_for", run(acme, "hook"), seconds=60, poll=poll)
    assert (found.status, len(got)) == ("SUCCESS", 1)
    assert client.ask(f"{place}/wait_for", found).execution_id == found.execution_id


def test_it_raises_how_it_ended_otherwise(client: Both, acme: WorkspaceClient, place: str) -> None:
    with receiving(lambda _: 500) as (url, _):
        acme.endpoints.create(name="hook", type="HTTP", spec={"url": url}, retry_policy=ONCE)
        with pytest.raises(ExecutionNotSuccessful, match="ended as FAILED after 1 attempt") as caught:
            client.ask(f"{place}/wait_for", run(acme, "hook"), seconds=60)
    assert caught.value.execution.error is not None


@pytest.fixture
def slow_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last look may take a minute instead of a second: a busy machine is slow."""
    for waiting in (of_threads, of_tasks):
        monkeypatch.setattr(waiting, "_SHORTEST_LOOK", 60.0)


@pytest.mark.usefixtures("slow_looks")
def test_it_ends_in_time_and_the_execution_goes_on(client: Both, acme: WorkspaceClient, place: str) -> None:
    later = acme.jobs.create(endpoint="sink", trigger="DELAYED", run_at="2099-01-01T00:00:00Z")
    (execution,) = acme.jobs.executions(later.job_id)
    began, before = time.monotonic(), starved()
    with pytest.raises(WaitTimedOut) as caught:
        client.ask(f"{place}/wait_for", execution, seconds=0.5)
    assert (caught.value.status, time.monotonic() - began < 30 + starved() - before) == ("PENDING", True)


def test_nothing_is_waited_for_that_is_not_there(client: Both, place: str) -> None:
    with pytest.raises(NotFound):
        client.ask(f"{place}/wait_for", uuid.uuid4())


def test_events_are_told_as_they_happen_and_end_in_time(
    kind: str, instance: Instance, acme: WorkspaceClient, place: str
) -> None:
    """The job is made once the stream is open: of earlier changes nothing is told. A busy machine has more
    time."""

    def told(name: str, seconds: float) -> list[Any]:
        job = JobCreate(endpoint="sink", trigger="CRON", cron="0 9 * * *", name=name)
        with client_of(
            kind, instance.url, instance.api.key, http=heard_opening(kind, is_open := threading.Event())
        ) as client:
            making = threading.Thread(target=lambda: is_open.wait(60) and acme.jobs.create(**job))
            making.start()
            heard = client.every(f"{place}/events", types=["job"], seconds=seconds)
            making.join(60)
        return [each for each in heard if isinstance(each.data, JobEvent)]

    for name, seconds in (("three", 3), ("ten", 10), ("sixty", 60)):
        if events := told(name, seconds):
            break
    (event,) = events
    assert (event.data.name, event.data.changes, event.id is not None) == (name, ["created"], True)


def heard_opening(kind: str, is_open: threading.Event) -> httpx.Client | httpx.AsyncClient:
    """An HTTP client that sets `is_open` when an answer begins."""

    async def hear(_: httpx.Response) -> None:
        is_open.set()

    if kind == "threads":
        return httpx.Client(event_hooks={"response": [lambda _: is_open.set()]}, timeout=60)
    return httpx.AsyncClient(event_hooks={"response": [hear]}, timeout=60)


def frame(number: int, status: str = "RUNNING") -> bytes:
    """An event of an execution, with this position."""
    known = (
        '{"execution_id":"0193d5b0-0000-7000-8000-00000000%04d","job_id":"0193d5b0-0000-7000-8000-000000000000",'
        '"job_name":null,"workspace":"acme","endpoint":"hook","cause":"API","status":"%s","reason":null,'
        '"attempt_count":1,"scheduled_at":"2026-11-01T00:00:00Z","run_at":"2026-11-01T00:00:00Z",'
        '"created_at":"2026-11-01T00:00:00Z","started_at":null,"completed_at":null,"changes":["changed"],"newer":1}'
    )
    return b"event: execution\r\ndata: %s\nid: p%d\n\n" % ((known % (number, status)).encode(), number)


def stream(*parts: bytes) -> Answering:
    """A stream of these frames, after which the connection ends."""

    def told(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        yield b"retry: 2000\n\nid: p0\n\n"
        yield from parts

    return told


@pytest.fixture(params=["threads", "tasks"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def heard(kind: str, *script: Answering) -> tuple[list[Asked], Exception | None]:
    """Return the requests up to the end of the stream, and the error that ended it."""
    with stub(*script) as server, client_of(kind, server.url, "k", first_pause=0.001, tries=3) as client:
        try:
            client.every("acme/events")
        except Exception as raised:  # the test decides which error is right
            return server.asked, raised
    return server.asked, None


def test_events_go_on_after_a_cut_where_they_were(kind: str) -> None:
    """A half-received event is sent again; the position is the last complete event's."""
    cut = frame(2)[:40]
    gone = stream(b": deleted\n\n")
    with (
        stub(
            stream(frame(1), cut), stream(frame(2), b": closing\n\n"), nothing, HTML, stream(frame(3)), gone
        ) as server,
        client_of(kind, server.url, "k", first_pause=0.001) as client,
        pytest.raises(NotFound, match="the workspace no longer exists"),
    ):
        client.every("acme/events")
    places = [asked.path.partition("after=")[2] for asked in server.asked]
    assert places == ["", "p1", "p2", "p2", "p2", "p3"]


HTML = answer(502, b"<html>", media_type="text/html")


def test_each_event_is_told_with_its_place(kind: str) -> None:
    with (
        stub(stream(frame(1), frame(2)), stream(frame(3)), problem(403, "forbidden")) as server,
        client_of(kind, server.url, "k", first_pause=0.001) as client,
    ):
        told: list[ExecutionEvent] = []
        with pytest.raises(Exception, match="403 forbidden"):
            collect(client, told)
    assert [str(each.execution_id)[-4:] for each in told] == ["0001", "0002", "0003"]


def collect(client: Both, told: list[ExecutionEvent]) -> None:
    """Append events to the list as they arrive, including those before an error."""
    from client.both import Tasks, Threads

    if isinstance(client, Threads):
        for event in client.client.workspace("acme").events():
            told.append(event.data)  # type: ignore[arg-type] # of executions alone
    elif isinstance(client, Tasks):
        made = client.client

        async def listen() -> None:
            async for event in made.workspace("acme").events():
                told.append(event.data)  # type: ignore[arg-type] # of executions alone

        client.runner.run(listen())


def test_it_gives_up_where_the_stream_cannot_be_had(kind: str) -> None:
    asked, error = heard(kind, problem(429, "rate_limited", Retry_After="0"))
    assert isinstance(error, RateLimited)
    assert len(asked) == 3


def test_a_revoked_key_ends_it(kind: str) -> None:
    asked, error = heard(kind, stream(frame(1), b": unauthorized\n\n"))
    assert isinstance(error, Unauthorized)
    assert len(asked) == 1


def test_silence_is_a_connection_that_is_dead(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from kronos.client._async import streams as tasks
    from kronos.client._sync import streams as threads

    for module in (tasks, threads):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    over = threading.Event()

    def silent(asked: Asked) -> Iterator[bytes]:
        yield from stream(frame(1))(asked)  # type: ignore[misc] # it is no bytes
        over.wait(300)

    asked, error = heard(kind, silent, stream(b": forbidden\n\n"))
    over.set()
    assert [each.path.partition("after=")[2] for each in asked] == ["", "p1"]
    assert "403" in str(error)


def test_an_event_without_end_is_not_held(kind: str) -> None:
    def endless(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: "
        while True:
            yield b"x" * 65536

    asked, error = heard(kind, endless)
    assert "larger than 1 MiB" in str(error)
    assert len(asked) == 1


def test_leaving_the_loop_ends_the_connection() -> None:
    """That also frees the listener's place in the API."""
    is_gone = threading.Event()

    def watching(asked: Asked) -> Iterator[bytes]:
        yield from stream(frame(1))(asked)  # type: ignore[misc] # it is no bytes
        try:
            while True:
                yield b": heartbeat\n\n"
                time.sleep(0.01)  # the client disconnects at any time
        finally:
            is_gone.set()

    with stub(watching) as server, Kronos(server.url, "k") as kronos:
        events = kronos.workspace("acme").events()
        next(events)
        events.close()
        assert is_gone.wait(300), "the connection was left open"


def test_waiting_looks_where_nothing_is_told(kind: str, instance: Instance, acme: WorkspaceClient, place: str) -> None:
    """As behind a proxy that does not pass on streams."""
    is_refused, refusal = threading.Event(), problem(429, "rate_limited")

    def relayed(asked: Asked) -> bytes:
        if "/events" in asked.path:
            is_refused.set()
            return refusal(asked)
        told = httpx.get(
            instance.url + asked.path, headers={"Authorization": asked.headers["authorization"]}, timeout=60
        )
        return answer(told.status_code, told.content)(asked)

    with receiving(lambda _: 200 if is_refused.wait(300) else 500) as (url, _):
        acme.endpoints.create(name="hook", type="HTTP", spec={"url": url}, retry_policy=ONCE)
        with stub(relayed) as server, client_of(kind, server.url, instance.api.key) as client:
            assert client.ask(f"{place}/wait_for", run(acme, "hook"), seconds=60).status == "SUCCESS"


def test_an_api_that_is_away_is_not_waited_for(kind: str) -> None:
    with stub(nothing) as server:
        url = server.url
    with client_of(kind, url, "k", tries=1) as client, pytest.raises(NotConnected):
        client.ask("acme/wait_for", uuid.uuid4())


def test_a_restart_of_the_api_is_waited_out(kind: str) -> None:
    """Listening and waiting last longer than a few retries."""
    away: list[Answering] = [nothing] * 6
    with (
        stub(stream(frame(1)), *away, stream(frame(2), b": deleted\n\n")) as server,
        client_of(kind, server.url, "k", first_pause=0.001, max_pause=0.01, tries=2) as client,
        pytest.raises(NotFound),
    ):
        client.every("acme/events")
    assert len(server.asked) == 8


def test_an_execution_is_waited_for_over_a_restart_of_the_api(
    kind: str, instance: Instance, acme: WorkspaceClient, place: str
) -> None:
    lost: list[Asked] = []

    def relayed(asked: Asked) -> bytes:
        if lost or "/events" in asked.path:
            lost.append(asked)
        if 0 < len(lost) < 8:
            return b""
        told = httpx.get(
            instance.url + asked.path, headers={"Authorization": asked.headers["authorization"]}, timeout=60
        )
        return answer(told.status_code, told.content)(asked)

    with receiving(lambda _: 200 if await_lost(lost) else 500) as (url, _):
        acme.endpoints.create(name="hook", type="HTTP", spec={"url": url}, retry_policy=ONCE)
        with (
            stub(relayed) as server,
            client_of(kind, server.url, instance.api.key, tries=2, first_pause=0.001, max_pause=0.01) as client,
        ):
            assert client.ask(f"{place}/wait_for", run(acme, "hook"), seconds=60).status == "SUCCESS"


def await_lost(lost: list[Asked]) -> bool:
    await_condition(lambda: len(lost) >= 8, "the API to be away for long")
    return True


def test_an_api_that_is_silent_is_not_waited_for_longer_than_was_said(kind: str) -> None:
    over = threading.Event()

    def silent(asked: Asked) -> Iterator[bytes]:
        over.wait(60)
        yield b""

    with stub(silent) as server, client_of(kind, server.url, "k") as client:
        with pytest.raises(TimedOut):
            client.ask("acme/wait_for", uuid.uuid4(), seconds=0.1)
        assert not over.is_set()
        over.set()
