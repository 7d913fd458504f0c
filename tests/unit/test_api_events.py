"""The log lines of the API and of a process's start: each situation writes its event at its level, with the facts that
an operator needs, and without a secret."""

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest

from kronos import calendars, changes, config, errors, workspaces
from kronos.api import app, live, ping_door, renewal, serve, streams
from kronos.api.keys import Keys
from kronos.cli import environment, processes, up
from kronos.model import Role
from kronos.pool import Pool
from kronos.timelines import Timelines
from kronos.traces.switch import Switch
from kronos.writes import Writes
from told import all_told, told

_JOB = UUID(int=1)
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_SECRET = "canary" * 7 + "c"
_NOWHERE = f"postgresql://kronos:{_SECRET}@127.0.0.1:1/none"


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kronos")


class DownView:
    """A workspace's view whose statements fail, because PostgreSQL is unavailable."""

    workspace = "acme"

    async def rows(self, *_: object) -> Any:
        raise errors.DatabaseUnavailable("no connection became free")


async def _down(*_: object) -> Any:
    raise errors.DatabaseUnavailable("no connection became free")


Begin = Callable[[Any], Awaitable[object]]
_LATER: dict[str, tuple[Begin, object, dict[str, str], str]] = {
    "calendar.follows_later": (
        lambda view: calendars._follow(view, "holidays", 3),
        3,
        {"workspace": "acme"},
        "jobs that name calendar holidays of workspace acme will follow it later: no connection became free",
    ),
    "workspace.follows_later": (
        lambda view: workspaces._follow(view, 3),
        3,
        {"workspace": "acme"},
        "jobs of workspace acme will follow it later: no connection became free",
    ),
    "job.ends_later": (
        lambda view: changes._cancel_further(view, _JOB),
        None,
        {"job_id": str(_JOB)},
        f"executions of job {_JOB}, which was cancelled, will end later: no connection became free",
    ),
}


@pytest.mark.parametrize("event", _LATER)
async def test_a_write_whose_rest_follows_later_succeeds_and_is_told_of(
    caplog: pytest.LogCaptureFixture, event: str
) -> None:
    begin, left, known, message = _LATER[event]
    assert await begin(DownView()) == left
    line = told(caplog, event)
    assert (line["level"], line["message"]) == ("WARNING", message)
    assert {name: line[name] for name in known} == known


@pytest.mark.parametrize(
    ("error", "is_traced"),
    [
        (errors.DatabaseUnavailable("no connection became free"), False),
        (errors.OutcomeUnknown("it may be done"), False),
        (errors.KronosError("PostgreSQL rejected a statement"), True),
    ],
)
async def test_a_request_that_postgresql_fails_is_named_with_its_reason_in_the_log_only(
    caplog: pytest.LogCaptureFixture, error: errors.KronosError, is_traced: bool
) -> None:
    error.__cause__ = RuntimeError("Key (slug)=(acme) exists")
    scope = {"type": "http", "path": "/v1/x", "method": "GET", "headers": [], "kronos.request_id": "my-id"}
    answer = await app._refused(SimpleNamespace(scope=scope), error)  # type: ignore[arg-type]  # all that is read
    line = told(caplog, "request.unserved")
    assert (line["level"], line["code"], "traceback" in line) == ("ERROR", error.code, is_traced)
    assert line["message"] == f"my-id {error.code}: Key (slug)=(acme) exists"
    assert b"slug" not in bytes(answer.body)


async def test_a_response_that_is_cut_off_is_named_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"the first part"
        raise errors.DatabaseUnavailable("no connection became free")

    async def remains(_: Role) -> None: ...

    cut: list[bool] = []
    call = SimpleNamespace(
        remains=remains, scope={"kronos.cut": lambda: cut.append(True), "kronos.request_id": "my-id"}
    )
    sent = [each async for each in streams._while_allowed(call, Role.VIEWER, parts())]  # type: ignore[arg-type]
    line = told(caplog, "request.cut")
    assert (sent, cut) == ([b"the first part"], [True])
    assert (line["level"], line["message"]) == (
        "WARNING",
        "the response to my-id was cut off: database_unavailable: no connection became free",
    )


def test_a_process_that_may_open_too_few_files_says_how_many_it_needs(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: made.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    serve._allow_files(600)
    assert (made, all_told(caplog, "api.few_files")) == ([(600, 4096)], [])
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 512))
    serve._allow_files(600)
    assert made[1:] == [(512, 512)]
    line = told(caplog, "api.few_files")
    assert line["level"] == "WARNING"
    assert line["message"].startswith("512 open files are allowed (ulimit -n), up to 600 are needed")


async def _one_turn(runs: Callable[[], Awaitable[None]]) -> None:
    """Run a task that never ends until it has gone through its first turn."""
    task = asyncio.ensure_future(runs())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_gap_in_which_no_ping_was_received_is_told_of_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [True, False]

    async def hold_door_open(_: object) -> bool:
        return answers.pop(0)

    monkeypatch.setattr("kronos.beats.hold_door_open", hold_door_open)
    door = ping_door.PingDoor(SimpleNamespace())  # type: ignore[arg-type]  # the statement is not sent
    await door.hold()
    await door.hold()
    line = told(caplog, "pings.gap")
    assert (line["level"], "heartbeats expected then are UNKNOWN" in line["message"]) == ("WARNING", True)
    monkeypatch.setattr("kronos.beats.hold_door_open", _down)
    await _one_turn(door.run)
    line = told(caplog, "pings.unnoted")
    assert (line["level"], line["message"].endswith(": no connection became free")) == ("DEBUG", True)


async def test_new_rules_of_a_zone_are_told_of_when_the_sessions_are_renewed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained: list[bool] = []
    found: list[datetime | None] = [None, _AT, _AT]

    async def zone_rules(_: object) -> Any:
        return SimpleNamespace(changed_at=found.pop(0))

    async def drain() -> None:
        drained.append(True)

    monkeypatch.setattr("kronos.system.zone_rules", zone_rules)
    renews = renewal.Renewal(SimpleNamespace(drain=drain))  # type: ignore[arg-type]
    assert [await renews.look() for _ in range(3)] == [False, True, False]
    assert (drained, told(caplog, "time_zones.changed")["level"]) == ([True], "WARNING")
    monkeypatch.setattr("kronos.system.zone_rules", _down)
    await _one_turn(renews.run)
    assert told(caplog, "api.read_failed")["level"] == "DEBUG"


async def test_an_error_of_our_own_ends_the_event_streams_and_is_traced(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    class Listener:
        workspace_id, caller = _JOB, None

        def end(self, why: str) -> None:
            ended.append(why)

    async def broken(_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(live.Hub, "look", broken)
    hub = live.Hub(SimpleNamespace())  # type: ignore[arg-type]  # no statement is sent
    listener: Any = Listener()
    hub.enter(listener)
    task = hub._task
    assert task is not None
    for _ in range(5):
        await asyncio.sleep(0)
    hub.leave(listener)
    task.cancel()
    await asyncio.wait([task])
    line = told(caplog, "live.failed")
    assert ended == ["failed"]
    assert (line["level"], line["traceback"].endswith("ZeroDivisionError: a bug")) == ("ERROR", True)


async def test_a_key_in_a_url_is_named_without_its_secret_even_if_it_cannot_be_recorded(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kronos.keys.note_burnt", _down)
    keys = Keys(SimpleNamespace())  # type: ignore[arg-type]  # the statement is not sent
    await keys.note_burnt(f"kr_live_abcdefghijkl_{_SECRET}", {"type": "http", "client": ("192.0.2.7", 1)})
    await keys.note_burnt("no key at all", {"type": "http", "client": ("192.0.2.7", 1)})
    burnt, unrecorded = told(caplog, "key.burnt"), told(caplog, "key.burnt_not_noted")
    assert (burnt["level"], unrecorded["level"]) == ("WARNING", "WARNING")
    assert burnt["message"].startswith("a URL contained the key abcdefghijkl. ")
    assert unrecorded["message"] == (
        "could not record that a URL contained the key abcdefghijkl: no connection became free"
    )
    assert "canary" not in caplog.text


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's log stays the test's."""
    monkeypatch.setattr("kronos.logs.configure", lambda _: None)


@pytest.mark.usefixtures("configured")
def test_a_variable_that_is_no_setting_is_named_without_its_value(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", _NOWHERE)
    monkeypatch.setenv("KRONOS_DATABASE_PASWORD", _SECRET)
    environment.settings()
    (line,) = (each for each in all_told(caplog, "start.unknown_setting") if "PASWORD" in each["message"])
    assert (line["level"], "KRONOS_DATABASE_PASWORD" in line["message"]) == ("WARNING", True)
    assert "canary" not in caplog.text


def test_a_process_that_starts_without_postgresql_says_so_and_starts(caplog: pytest.LogCaptureFixture) -> None:
    processes._prove(config.load(database_url=_NOWHERE), "kronos_worker", None)
    line = told(caplog, "start.unproven")
    assert (line["level"], line["message"].startswith("cannot connect to PostgreSQL yet: ")) == ("WARNING", True)
    assert "canary" not in caplog.text


@pytest.mark.usefixtures("configured")
def test_what_happens_to_the_processes_of_up_is_an_event_for_collectors_and_a_line_for_people(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("json", "text"):
        up._noting(config.load(database_url=_NOWHERE, log_format=form))("worker 1 is started again: 100 % of it")
    line = told(caplog, "up.noted")
    assert (line["level"], line["message"]) == ("WARNING", "worker 1 is started again: 100 % of it")
    assert capsys.readouterr().err == "kronos: worker 1 is started again: 100 % of it\n"


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "zipkin"}, "set it to otlp"),
    ],
)
def test_traces_that_cannot_be_made_are_a_line_with_what_to_do(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], why: str
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    switch = Switch()
    switch.begin("worker")
    line = told(caplog, "traces.refused")
    assert (switch.pipeline, line["level"], why in line["message"]) == (None, "WARNING", True)


def test_traces_that_are_made_are_a_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    begun: list[str] = []
    monkeypatch.setattr("kronos.traces.pipeline.Pipeline.begin", begun.append)
    switch = Switch()
    switch.begin("worker")
    assert (begun, told(caplog, "traces.begun")["level"]) == (["worker"], "INFO")


def test_a_timeline_that_cannot_be_read_is_a_line_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    Timelines().could_not_read(PermissionError("permission denied for function pg_control_checkpoint"))
    line = told(caplog, "timeline.unread")
    assert (line["level"], line["message"].endswith("for function pg_control_checkpoint")) == ("DEBUG", True)


_LOST = errors.ConnectionLost("the connection to PostgreSQL was lost before it answered")
_LOST.__cause__ = RuntimeError("server closed the connection")
_STANDBY = errors.ReadOnly("PostgreSQL is a standby and rejects writes")
_DEADLOCK = errors.KronosError("unexpected database error 40P01")
_DEADLOCK.__cause__ = psycopg.errors.DeadlockDetected()


@pytest.mark.parametrize(
    ("failures", "is_read", "ends", "said"),
    [
        ([_LOST], True, None, ["a read is sent again: server closed the connection"]),
        ([_LOST, _LOST], True, errors.DatabaseUnavailable, ["a read is sent again: server closed the connection"]),
        ([_LOST], False, errors.ConnectionLost, []),
        ([_STANDBY], False, None, [f"a write is sent again, perhaps to another server: {_STANDBY.detail}"]),
        ([_DEADLOCK] * 4, False, None, [f"a write is sent again: {_DEADLOCK.detail}"] * 4),
        ([_DEADLOCK] * 5, False, errors.KronosError, [f"a write is sent again: {_DEADLOCK.detail}"] * 4),
    ],
)
async def test_a_statement_is_sent_again_only_where_that_is_safe(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    failures: list[errors.KronosError],
    is_read: bool,
    ends: type[errors.KronosError] | None,
    said: list[str],
) -> None:
    left = list(failures)

    async def run(*_: object) -> str:
        if left:
            raise left.pop(0)
        return "done"

    monkeypatch.setattr(Pool, "_run", run)
    asked = Pool.run(Pool.__new__(Pool), cast(Any, None), Writes(), is_read=is_read)
    if ends is None:
        assert await asked == "done"
    else:
        with pytest.raises(ends):
            await asked
    assert left == []
    assert [(each["level"], each["message"]) for each in all_told(caplog, "statement.again")] == [
        ("DEBUG", each) for each in said
    ]
