"""What a worker's connection to PostgreSQL does after each answer: which errors end it, what is logged, and when it is
opened again. The connections are the test's.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from kronos import errors
from kronos.sql import Statement
from kronos.unreachable import Unreachable
from kronos.worker import link as module
from kronos.worker.link import Link, Outage, worker_session
from reported import reported
from stopped_clock import StoppedClock
from told import all_told

_READ: Statement[Any] = Statement(name="x.get_it", text="select 1", row=object)
_AWAY = errors.Unconnected(Unreachable(kind="away", outside="outside", inside="db:5432 does not answer"))


LOST = psycopg.OperationalError("server closed the connection\nunexpectedly")
LOCKED = reported("55P03", "canceling statement due to lock timeout")
SLOW = reported("57014", "canceling statement due to statement timeout")


class Session:
    """A connection that answers each statement with the next of its answers, the last one again and again."""

    def __init__(self, *answers: Sequence[object] | psycopg.Error | asyncio.Event) -> None:
        self._answers = list(answers)
        self.closed = False
        self.asked: list[object] = []
        self.adapters = SimpleNamespace(register_loader=lambda *_: None, register_dumper=lambda *_: None)

    def cursor(self, **_: object) -> "Session":
        return self

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def execute(self, *asked: object, **_: object) -> None:
        self.asked.append(asked)
        answer = self._answers[0]
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        if isinstance(answer, psycopg.Error):
            if len(self._answers) > 1:
                self._answers.pop(0)
            raise answer

    async def fetchall(self) -> object:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def close(self) -> None:
        self.closed = True


class Opened:
    """Replaces what opens connections: each try gets the next of these, or its error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *tries: Session | Exception) -> None:
        self._tries = list(tries)
        self.count = 0
        self.pauses: list[float] = []
        self.is_quiet = True
        self.longest = 60.0  # in seconds, that an answer is waited for
        monkeypatch.setattr(module, "open_connection", self._open)
        monkeypatch.setattr(module, "is_quiet", lambda _: self.is_quiet)
        monkeypatch.setattr(module, "random", SimpleNamespace(uniform=lambda _, most: most))
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=self._sleep, timeout=self._timeout))

    async def _open(self, *_: object, **__: object) -> Session:
        self.count += 1
        found = self._tries.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def _timeout(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(min(seconds, self.longest))


def made(outage: Outage | None = None, **options: Any) -> Link:
    return Link("postgresql://kronos@127.0.0.1/kronos", "claims", outage or Outage(), **options)


async def test_a_connection_is_opened_once_and_serves_statement_after_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session([1], [2])
    opened, link = Opened(monkeypatch, session), made()
    assert not link.is_connected
    assert [await link.rows(_READ, {"a": 1}) for _ in range(2)] == [[1], [2]]
    assert (opened.count, link.is_connected, session.asked) == (1, True, [("select 1", {"a": 1})] * 2)
    await link.close()
    assert (session.closed, link.is_connected) == (True, False)


@pytest.mark.parametrize(("listens", "is_replaced"), [(False, True), (True, False)])
async def test_a_connection_that_died_while_it_was_idle_is_replaced_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch, listens: bool, is_replaced: bool
) -> None:
    """One that listens is readable whenever it hears something."""
    first, second = Session([1]), Session([2])
    opened, link = Opened(monkeypatch, first, second), made(listens=listens)
    await link.rows(_READ, {})
    opened.is_quiet = False
    assert await link.rows(_READ, {}) == ([2] if is_replaced else [1])
    assert (first.closed, opened.count) == (is_replaced, 1 + is_replaced)


@pytest.mark.parametrize(
    ("error", "options", "is_kept", "is_logged"),
    [
        (LOST, {}, False, True),
        (LOST, {"may_fail": True}, False, True),
        (reported("57P01", "terminating connection", "FATAL"), {}, False, True),
        (reported("25006", "cannot execute UPDATE in a read-only transaction"), {}, False, True),
        (reported("42883", "function kronos.claim does not exist"), {}, False, True),
        (reported("42501", "permission denied"), {}, False, True),
        (reported("42P01", "relation does not exist"), {}, False, True),
        (reported("42703", "column does not exist"), {"may_fail": True}, False, True),
        (reported("22P02", "invalid input syntax"), {}, True, False),
        (reported("23505", "duplicate key"), {}, True, False),
        (SLOW, {}, True, True),
        (SLOW, {"may_fail": True}, True, False),
        (LOCKED, {}, True, True),
        (LOCKED, {"may_be_locked": True}, True, False),
        (SLOW, {"may_be_locked": True}, True, True),
    ],
    ids=str,
)
async def test_only_an_error_of_the_connection_or_of_another_release_ends_it(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: psycopg.Error,
    options: dict[str, bool],
    is_kept: bool,
    is_logged: bool,
) -> None:
    session = Session(error, [1])
    opened, link = Opened(monkeypatch, session, Session([2])), made()
    with pytest.raises(psycopg.Error) as met:
        await link.rows(_READ, {}, **options)
    assert met.value is error
    assert (session.closed, link.is_connected) == (not is_kept, is_kept)
    lines = [each["message"] for each in all_told(caplog, "postgresql.away")]
    why = str(error).splitlines()[0]
    assert lines == [f"PostgreSQL is unavailable (claims): {why}; retrying"] * is_logged
    assert await link.rows(_READ, {}) == ([1] if is_kept else [2])
    assert opened.pauses == [], "the next try is made at once"


async def test_a_server_that_does_not_answer_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = [Session(asyncio.Event()) for _ in range(3)]
    opened, link = Opened(monkeypatch, *silent), made()
    opened.longest = 0.01
    for ask in (lambda: link.rows(_READ, {}), lambda: link.rows_or_reason(_READ, {}), link.ask):
        with pytest.raises(psycopg.OperationalError, match="no answer in time"):
            await ask()
    assert all(session.closed for session in silent)


async def test_a_statement_that_may_fail_by_itself_leaves_the_connection_and_no_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session(SLOW, [1])
    Opened(monkeypatch, session)
    link = made()
    with pytest.raises(psycopg.Error) as met:
        await link.rows_or_reason(_READ, {})
    assert met.value is SLOW
    assert await link.rows_or_reason(_READ, {}) == [1]
    assert (session.closed, all_told(caplog, "postgresql.away")) == (False, [])


async def test_a_question_that_fails_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(SLOW)
    Opened(monkeypatch, session, Session([1]))
    link = made()
    with pytest.raises(psycopg.Error):
        await link.ask()
    assert session.closed
    await link.ask()
    assert link.is_connected


async def test_tries_to_connect_are_ever_further_apart_up_to_a_second_and_begin_anew_after_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Session([1], LOST, [3]), Session([2])
    opened = Opened(monkeypatch, *[_AWAY] * 7, first, _AWAY, second)
    link = made()
    await link.rows(_READ, {})
    assert opened.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    opened.pauses.clear()
    with pytest.raises(psycopg.OperationalError):
        await link.rows(_READ, {})
    assert await link.rows(_READ, {}) == [2]
    assert opened.pauses == [0.05]


async def test_the_groups_that_a_worker_serves_are_set_before_any_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    failing, session = Session(SLOW), Session([(1,)])
    opened, link = Opened(monkeypatch, failing, session), made(groups=("a", "b"))
    await link.rows(_READ, {})
    (setting, _) = session.asked
    assert isinstance(setting, tuple)
    assert setting[1] == ["a,b", ["a", "b"]]
    assert (failing.closed, opened.count, opened.pauses) == (True, 2, [0.05]), "without them it is not used"


def test_an_outage_is_logged_once_for_all_connections_and_ends_with_the_last_of_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kronos")
    clock = StoppedClock()
    monkeypatch.setattr(module, "time", clock)
    outage = Outage()
    outage.ends("claims")
    for link, why in (("claims", "gone"), ("results", "gone"), ("claims", "gone"), ("results", "refused")):
        outage.begins(link, why)
        clock.now += 1
    assert len(all_told(caplog, "postgresql.away")) == 1
    outage.begins("claims", "refused")
    outage.ends("claims")
    assert all_told(caplog, "postgresql.back") == []
    clock.now += 0.5
    outage.ends("results")
    outage.ends("results")
    assert [line["message"] for line in all_told(caplog, "postgresql.away")] == [
        "PostgreSQL is unavailable (claims): gone; retrying",
        "PostgreSQL is unavailable (claims): refused; retrying",
    ]
    assert [line["message"] for line in all_told(caplog, "postgresql.back")] == [
        "PostgreSQL is available again after 4.5 s"
    ]
    outage.begins("results", "gone")
    assert len(all_told(caplog, "postgresql.away")) == 3, "the next outage is another one"


def test_a_workers_statements_have_limits_and_plans_of_their_own() -> None:
    terms = worker_session(timedelta(seconds=7))
    assert terms.role == "kronos_worker"
    asked = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "enable_seqscan",
             "enable_hashjoin", "enable_mergejoin", "plan_cache_mode")  # fmt: skip
    assert [terms.settings[name] for name in asked] == ["7s", "2s", "5s", "off", "off", "off", "force_generic_plan"]
