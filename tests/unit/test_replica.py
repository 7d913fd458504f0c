"""Which server may answer a read, when one URL leads to several servers or to one that is not a replica of the
primary.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from kronos import errors, replica
from kronos.replica import LogReplayed, LogWritten, Replica, ReplicaReads
from kronos.writes import Writes
from told import all_told, told

SYSTEM, OTHER_SYSTEM = 1, 2
BOUND = 10


@dataclass
class Server:
    """A server's report about its log. It also stands for its own connection, cursor and their contexts."""

    row: LogWritten | LogReplayed
    is_closed: bool = False

    @asynccontextmanager
    async def cursor(self, **_: object) -> AsyncIterator["Server"]:
        yield self

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(result_queue=deque())

    async def execute(self, *_: object) -> None: ...

    async def fetchall(self) -> list[LogWritten | LogReplayed]:
        return [self.row]

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Servers:
    """Stands for a pool whose next connection leads to the first of these servers."""

    of: list[Server] = field(default_factory=list)

    async def run(self, work: Callable[[Any], Awaitable[Any]], writes: Writes, *, is_read: bool = False) -> object:
        return await work(self.of[0])


@dataclass
class Fleet:
    """A primary, and the servers behind the replicas' URL, at a time that the test sets."""

    replica: Replica
    primary: Server
    behind_the_url: Servers
    at: list[float]

    def passes(self, seconds: float) -> None:
        """Let time pass, then check the primary and the first server behind the URL."""
        self.at[0] += seconds
        asyncio.run(self.replica.look())

    def reads_from(self, *servers: Server) -> str:
        """The header of an answer when the URL leads to these servers."""
        self.behind_the_url.of = list(servers)
        reads = ReplicaReads(self.replica, is_primary_asked=False)

        async def who(connection: Any) -> Any:
            return connection

        served = asyncio.run(reads.run(who, Writes(), is_read=True))
        assert (served is self.primary) == (reads.served.by == "primary")
        return reads.served.header


def standby(position: int | None, *, system: int = SYSTEM, timeline: int | None = 1) -> Server:
    return Server(LogReplayed(system=system, position=position, timeline=timeline))


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet that was checked twice. At 0 s the primary had written 100 bytes, at 6 s 200; the replica has all of
    them.
    """
    at = [0.0]
    monkeypatch.setattr(replica, "time", SimpleNamespace(monotonic=lambda: at[0]))
    primary, fresh = Server(LogWritten(system=SYSTEM, position=100, timeline=1)), standby(200)
    made = Replica("host=nowhere", Servers([primary]), size=1, max_lag_seconds=BOUND)  # type: ignore[arg-type]
    servers = Servers([fresh])
    made.pool = servers  # type: ignore[assignment]
    fleet = Fleet(made, primary, servers, at)
    fleet.passes(0)
    primary.row = LogWritten(system=SYSTEM, position=200, timeline=1)
    fleet.passes(6)
    return fleet


def test_each_read_is_judged_by_the_server_that_it_is_on(fleet: Fleet) -> None:
    """The pool's connection may lead to a different server than the one that was checked."""
    assert fleet.reads_from(standby(200)) == "replica; lag_seconds=0.000"
    assert fleet.reads_from(standby(199)) == "replica; lag_seconds=6.000"
    fleet.at[0] += 5
    assert fleet.reads_from(standby(200)) == "replica; lag_seconds=5.000"
    assert fleet.reads_from(standby(199)) == "primary; lag_seconds=5.000; because=lag", "it is 11 s old"
    assert fleet.reads_from(standby(99)) == "primary; lag_seconds=5.000; because=lag", "its age is unknown"


@pytest.mark.parametrize(
    "wrong",
    [standby(10**9, system=OTHER_SYSTEM), standby(10**9, timeline=0), standby(None, timeline=None)],
    ids=["of another cluster", "on the timeline before", "no standby"],
)
def test_what_is_no_replica_of_the_primary_answers_nothing_however_far_it_is(
    fleet: Fleet, wrong: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kronos")
    assert fleet.reads_from(wrong) == "primary; because=down"
    assert wrong.is_closed, "the next connection may lead to another"
    fleet.passes(1)
    assert fleet.replica.why_not() == "down"
    away = told(caplog, "replica.away")
    assert (away["level"], "KRONOS_DATABASE_READ_URL cannot be used: it " in away["message"]) == ("WARNING", True)
    fleet.passes(1)
    assert (len(all_told(caplog, "replica.away")), all_told(caplog, "replica.back")) == (1, [])
    fleet.behind_the_url.of = [standby(200)]
    fleet.passes(1)
    assert fleet.replica.why_not() is None
    assert told(caplog, "replica.back")["level"] == "INFO"


def test_what_is_not_known_of_a_replica_and_a_read_that_it_fails_are_lines_for_debugging(
    fleet: Fleet, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> object:
        raise errors.DatabaseUnavailable("no connection became free")

    caplog.set_level("DEBUG", "kronos")
    monkeypatch.setattr(fleet.behind_the_url, "run", down)
    assert fleet.reads_from() == "primary; because=down"
    monkeypatch.setattr(fleet.replica.primary, "run", down)
    fleet.passes(1)
    for event in ("replica.passed_over", "replica.unread"):
        line = told(caplog, event)
        assert (line["level"], line["message"].endswith(": no connection became free")) == ("DEBUG", True)
