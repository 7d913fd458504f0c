"""What a request is told, and what is sent again, for each way in which its connection to PostgreSQL can fail. The
pool's connections are the test's; tests/session has the same with a real server.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolClosed, PoolTimeout

from kronos import errors, pool
from kronos.sql import Statement
from kronos.unreachable import Unreachable
from kronos.writes import Writes
from reported import reported
from stopped_clock import StoppedClock

READ = Statement(name="x.get_it", text="select 1", row=object)
WRITE = Statement(name="x.make_it", text="update", row=object)


LOST = psycopg.OperationalError("server closed the connection unexpectedly")
DEADLOCK = reported("40P01", "deadlock detected")
STANDBY = reported("25006", "cannot execute INSERT in a read-only transaction")
FULL = reported("53100", "could not extend file: No space left on device")
_UNKNOWN = (
    "the connection to PostgreSQL was lost before it answered, after a write was sent: it may have been done, or not"
)
ENDED = reported("57P01", "terminating connection due to administrator command", "FATAL")


class Connection:
    """A connection of the test's, which knows whether it was closed."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class ScriptedPool(pool.Pool):
    """A pool that lends the test's connections, or raises what the test says instead of the first ones."""

    def __init__(self, *instead: Exception) -> None:
        super().__init__("postgresql://kronos@127.0.0.1/kronos", size=4)
        self._instead = list(instead)
        self.lent: list[Connection] = []

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[Any]:  # noqa: ASYNC109 - as the pool's
        if self._instead:
            raise self._instead.pop(0)
        self.lent.append(Connection())
        yield self.lent[-1]


class Work:
    """A request's statement: it is sent, and then fails with each of the errors in turn, and finally succeeds."""

    def __init__(self, statement: Statement[object], failures: Sequence[psycopg.Error] = ()) -> None:
        self.writes = Writes()
        self.runs = 0
        self._statement, self._failures = statement, list(failures)

    async def __call__(self, _: object) -> str:
        self.runs += 1
        self.writes.send(self._statement)
        if self._failures:
            raise self._failures.pop(0)
        self.writes.end()
        return "made"

    async def run(self, through: pool.Pool) -> str:
        return await through.run(self, self.writes, is_read=self._statement.is_read)


@pytest.mark.parametrize(
    ("statement", "failures"),
    [
        (READ, [LOST]),
        (READ, [ENDED]),
        (READ, [reported("57P03", "the database system is shutting down", "FATAL")]),
        (READ, [STANDBY]),
        (WRITE, [STANDBY]),
        (WRITE, [DEADLOCK] * 4),
        (READ, [DEADLOCK] * 4),
        (WRITE, [DEADLOCK, STANDBY, DEADLOCK]),
        (READ, [LOST, DEADLOCK, LOST]),
    ],
    ids=str,
)
async def test_what_certainly_changed_nothing_is_sent_again(
    statement: Statement[object], failures: list[psycopg.Error]
) -> None:
    scripted, work = ScriptedPool(), Work(statement, failures)
    assert await work.run(scripted) == "made"
    assert work.runs == len(failures) + 1
    assert len(scripted.lent) == work.runs, "each time on another connection"


@pytest.mark.parametrize(
    ("statement", "failures", "code", "detail"),
    [
        (WRITE, [LOST], "outcome_unknown", _UNKNOWN),
        (WRITE, [ENDED], "outcome_unknown", _UNKNOWN),
        (READ, [LOST, LOST], "database_unavailable", "the connection to PostgreSQL was lost, twice"),
        (READ, [LOST, ENDED], "database_unavailable", "the connection to PostgreSQL was lost, twice"),
        (WRITE, [STANDBY, STANDBY], "database_unavailable",
         "PostgreSQL is a standby and rejects writes: cannot execute INSERT in a read-only transaction"),
        (WRITE, [STANDBY, LOST], "outcome_unknown", _UNKNOWN),
        (WRITE, [DEADLOCK] * 5, "database_unavailable", "PostgreSQL could not do this now: deadlock detected"),
        (WRITE, [DEADLOCK, LOST], "outcome_unknown", _UNKNOWN),
        (WRITE, [FULL], "database_unavailable",
         "PostgreSQL could not do this now: could not extend file: No space left on device"),
        (READ, [reported("57014", "canceling statement due to statement timeout")], "database_unavailable",
         "PostgreSQL could not do this now: canceling statement due to statement timeout"),
        (WRITE, [reported("40001", "could not serialize")], "database_unavailable",
         "PostgreSQL could not do this now: could not serialize"),
        (WRITE, [reported("23505", "Key (name)=(secret) already exists")], "internal_error",
         "unexpected database error 23505"),
        (READ, [psycopg.ProgrammingError("secret")], "internal_error",
         "unexpected ProgrammingError from the database driver"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_not_sent_again_says_what_is_known(
    statement: Statement[object], failures: list[psycopg.Error], code: str, detail: str
) -> None:
    scripted, work = ScriptedPool(), Work(statement, failures)
    with pytest.raises(errors.KronosError) as told:
        await work.run(scripted)
    assert (told.value.code, told.value.detail) == (code, detail)
    assert work.runs == len(failures), "nor is anything sent after it"


@pytest.mark.parametrize("failure", [LOST, ENDED])
async def test_a_write_whose_connection_was_lost_before_it_was_sent_is_left_to_the_caller(
    failure: psycopg.Error,
) -> None:
    """It may be sent again, but only its caller knows whether it should."""
    runs = 0

    async def work(_: object) -> None:
        nonlocal runs
        runs += 1
        raise failure

    with pytest.raises(errors.ConnectionLost, match="the connection to PostgreSQL was lost; nothing was changed"):
        await ScriptedPool().run(work, Writes())
    assert runs == 1


@pytest.mark.parametrize(
    ("failure", "is_closed"),
    [
        (LOST, True),
        (ENDED, True),
        (STANDBY, True),
        (DEADLOCK, False),
        (FULL, False),
        (reported("53300", "too many", "FATAL"), True),
    ],
)
async def test_a_connection_of_no_further_use_is_not_given_back(failure: psycopg.Error, is_closed: bool) -> None:
    scripted = ScriptedPool()
    with pytest.raises(errors.KronosError):
        await scripted.run(Work(READ, [failure] * 9), Writes())
    assert {connection.is_closed for connection in scripted.lent} == {is_closed}


_AWAY = Unreachable(kind="away", outside="PostgreSQL does not answer", inside="db.internal:5432 does not answer")


@pytest.mark.parametrize(
    ("instead", "trouble", "detail"),
    [
        (PoolTimeout("10 s"), None, "no connection to PostgreSQL became free in time"),
        (PoolTimeout("10 s"), errors.Unconnected(_AWAY), "PostgreSQL does not answer"),
        (PoolTimeout("10 s"), errors.SessionRefused("user a may not act as b"), "user a may not act as b"),
        (PoolClosed("closed"), None, "this process is shutting down"),
        (PoolClosed("closed"), errors.Unconnected(_AWAY), "this process is shutting down"),
    ],
)
async def test_a_request_without_a_connection_hears_why_and_that_nothing_was_changed(
    instead: Exception, trouble: errors.Unconnected | errors.SessionRefused | None, detail: str
) -> None:
    scripted, work = ScriptedPool(instead), Work(WRITE)
    scripted.trouble = trouble
    with pytest.raises(errors.DatabaseUnavailable) as told:
        await work.run(scripted)
    assert (told.value.detail, told.value.status, work.runs) == (detail, 503, 0)
    assert told.value is not trouble, "each request has an error of its own"
    assert "db.internal" not in told.value.detail


async def test_after_a_write_was_sent_a_missing_connection_leaves_its_outcome_unknown() -> None:
    """An earlier statement of the same request was committed."""
    scripted, work = ScriptedPool(PoolTimeout("10 s")), Work(WRITE)
    work.writes.send(WRITE)
    with pytest.raises(errors.OutcomeUnknown, match="after a write was sent: it may have been done, or not"):
        await work.run(scripted)


async def test_a_full_disk_is_reported_for_half_a_minute_or_until_a_write_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = StoppedClock()
    monkeypatch.setattr(pool, "time", clock)
    scripted = ScriptedPool()
    assert not scripted.is_disk_full

    async def fill() -> None:
        with pytest.raises(errors.DatabaseUnavailable):
            await Work(WRITE, [FULL]).run(scripted)

    await fill()
    assert scripted.is_disk_full
    await Work(READ).run(scripted)
    assert scripted.is_disk_full, "a read needs no space"
    clock.now += 29.9
    assert scripted.is_disk_full
    clock.now += 0.1
    assert not scripted.is_disk_full
    await fill()
    await Work(WRITE).run(scripted)
    assert not scripted.is_disk_full


async def test_a_statement_without_an_answer_is_blamed_on_the_pool_only_while_postgresql_answers_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = StoppedClock()
    monkeypatch.setattr(pool, "time", clock)
    scripted = ScriptedPool()
    stats = [{"pool_size": 4, "pool_available": 0}]
    monkeypatch.setattr(scripted, "get_stats", lambda: stats[-1])
    silent = "PostgreSQL did not answer within 2 s"
    busy = (
        "no connection to PostgreSQL became free within 2 s: all 4 (KRONOS_DATABASE_POOL_SIZE) are in use, by too many "
        "requests or by statements that wait"
    )

    def why() -> str:
        return scripted.why_no_answer(2).detail

    assert why() == busy
    clock.now += 7.0
    assert why() == busy, "a statement that waits ends within five seconds"
    clock.now += 0.1
    assert why() == silent
    for work in (Work(READ), Work(WRITE, [reported("57014", "too long")])):  # an error is an answer too
        await asyncio.gather(work.run(scripted), return_exceptions=True)
        assert why() == busy
        clock.now += 7.1
    await asyncio.gather(Work(WRITE, [LOST]).run(scripted), return_exceptions=True)
    assert why() == silent, "a lost connection is no answer"
    await Work(READ).run(scripted)
    for each in ({"pool_size": 4, "pool_available": 1}, {"pool_size": 3, "pool_available": 0}, {}):
        stats.append(each)
        assert why() == silent
    scripted.trouble = errors.Unconnected(_AWAY)
    assert why() == "PostgreSQL does not answer"


def test_a_request_may_wait_for_a_lock_and_a_statement_for_a_few_seconds() -> None:
    terms = pool.api_session()
    limits = {name: terms.settings[name] for name in terms.settings if name.endswith("timeout")}
    assert terms.role == "kronos_api"
    assert limits == {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "5s",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
    }
