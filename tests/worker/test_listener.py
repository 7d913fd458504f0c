"""A listener passes on what it is told, trusts no payload, and notices a server that went away in silence; after each
interruption nothing that was missed is taken for known."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from kronos.worker import listener as module
from kronos.worker.listener import Listener
from kronos.worker.wake import Wake
from worker.running import until
from worker.scripted import WORKSPACE, turns


class Notifying:
    """A connection to a PostgreSQL that notifies: a real socket, and notifications that libpq has read from it."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.listens: list[str] = []
        self.handler: Callable[[psycopg.Notify], None] | None = None
        self.pending: list[tuple[bytes, bytes]] = []
        self.is_lost = False
        self.pgconn = SimpleNamespace(consume_input=self._consume, notifies=self._notifies)

    def tell(self, channel: str, payload: str | bytes = "", *, is_on_the_wire: bool = True) -> None:
        """Notify; not on the wire: with another statement's answer."""
        self.pending.append((channel.encode(), payload if isinstance(payload, bytes) else payload.encode()))
        if is_on_the_wire:
            self.theirs.send(b".")

    def lose(self) -> None:
        """The server closes the connection."""
        self.is_lost = True
        self.theirs.send(b".")

    def _consume(self) -> None:
        self.ours.setblocking(False)
        with suppress(BlockingIOError):
            self.ours.recv(4096)
        if self.is_lost:
            raise psycopg.OperationalError("the connection was lost")

    def _notifies(self) -> Any:
        if not self.pending:
            return None
        channel, payload = self.pending.pop(0)
        return SimpleNamespace(relname=channel, extra=payload, be_pid=1)

    def add_notify_handler(self, handler: Callable[[psycopg.Notify], None]) -> None:
        self.handler = handler

    async def execute(self, text: str) -> None:
        self.listens.append(text)

    def fileno(self) -> int:
        return self.ours.fileno()

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


class Around:
    """What a listener works with, and what it did to it."""

    def __init__(self) -> None:
        self.connections: list[Notifying] = []
        self.did: list[str] = []
        self.looks = 0
        self.is_due = False
        self.seconds_to_look = 3600.0
        self.creates = False
        self.wake = Wake(poll_seconds=3600)
        self.forgotten: list[str | None] = []
        self.aborted: list[str] = []
        vault: Any = SimpleNamespace(forget=self._forget)
        aborts: Any = SimpleNamespace(told=self.aborted.extend)
        it: Any = self
        self.listener = Listener(it, self.wake, it, vault, aborts)

    def _forget(self, workspace_id: str | None = None) -> None:
        self.forgotten.append(workspace_id)

    # the link

    async def connected(self) -> Notifying:
        self.connections.append(Notifying())
        self.did.append("connect")
        return self.connections[-1]

    async def ask(self) -> None:
        self.did.append("ask")

    async def pause(self) -> None:
        self.did.append("pause")
        await asyncio.sleep(0)

    async def close(self) -> None:
        if self.connections:
            self.connections[-1].close()
        self.did.append("close")

    # the watchdog

    def distrust(self) -> None:
        self.did.append("distrust")

    async def look(self, _: object) -> bool:
        self.looks += 1
        self.is_due = False
        return self.creates

    async def renew(self) -> None:
        self.did.append("renew")

    @property
    def now(self) -> Notifying:
        return self.connections[-1]

    def forget_the_start(self) -> None:
        """Take the news of the start, so that later ones can be told from them."""
        self.did.clear()
        self.forgotten.clear()
        self.wake.are_limits_new = self.wake.is_full_wanted = False
        self.wake.looked(time.monotonic() + 1.0, None)  # later than the echoes of the start's wake


@asynccontextmanager
async def listening(*, seconds_to_look: float = 3600.0) -> AsyncIterator[Around]:
    """A listener that has begun to wait."""
    made = Around()
    made.seconds_to_look = seconds_to_look
    running = asyncio.create_task(made.listener.run())
    await until(lambda: made.looks == 1, "the start")
    await turns()
    try:
        yield made
        assert not running.done(), "it goes on"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for each in made.connections:
            each.close()


def is_woken(at: Around) -> bool:
    return at.wake.is_due


async def test_at_its_start_nothing_that_was_known_is_trusted_and_a_look_finds_what_was_missed() -> None:
    async with listening() as at:
        assert at.now.listens == [f"listen kronos_{each}" for each in ("work", "zones", "secrets", "aborts")]
        assert at.now.handler == at.listener._told, "for notifications that another statement's answer brings"
        assert at.forgotten == [None]
        assert at.did == ["connect", "distrust"]
        assert (at.wake.are_limits_new, is_woken(at)) == (True, True)


async def test_work_is_passed_on_with_its_endpoint_and_wakes_the_worker() -> None:
    endpoint = str(uuid4())
    async with listening() as at:
        at.forget_the_start()
        assert not is_woken(at)
        at.now.tell("kronos_work", endpoint)
        await until(lambda: is_woken(at), "the wake")
        assert at.wake.take_told() == {endpoint}
        assert (at.wake.are_limits_new, at.wake.is_full_wanted) == (False, False)


@pytest.mark.parametrize(
    ("payload", "are_limits_new", "is_full_wanted"),
    [
        ("", False, False),
        ("old", False, True),
        ("limits", True, False),
        ("OLD", False, False),
        (b"\xff\xfe", False, False),
    ],
)
async def test_a_payload_that_is_no_endpoint_wakes_the_worker_and_says_at_most_what_changed(
    payload: str | bytes, are_limits_new: bool, is_full_wanted: bool
) -> None:
    async with listening() as at:
        at.forget_the_start()
        at.now.tell("kronos_work", payload)
        await until(lambda: is_woken(at), "the wake")
        assert (at.wake.are_limits_new, at.wake.is_full_wanted) == (are_limits_new, is_full_wanted)
        assert not at.wake.has_told


async def test_news_of_secrets_and_cancellations_go_to_the_vault_and_the_aborts_and_wake_nobody() -> None:
    async with listening() as at:
        at.forget_the_start()
        at.now.tell("kronos_secrets", WORKSPACE)
        at.now.tell("kronos_secrets", "not a workspace")
        at.now.tell("kronos_aborts", "a,b")
        await until(lambda: at.aborted, "the cancellations")
        assert at.forgotten == [WORKSPACE, None], "if it is not known whose, those of all"
        assert at.aborted == ["a", "b"]
        assert not is_woken(at)


async def test_a_listener_without_deliveries_ignores_cancellations() -> None:
    at = Around()
    Listener(at, at.wake, at)._told(psycopg.Notify("kronos_aborts", "a", 1))  # type: ignore[arg-type]
    assert not at.wake.has_told


async def test_notifications_that_arrive_together_are_all_heard() -> None:
    async with listening() as at:
        at.forget_the_start()
        endpoints = [str(uuid4()) for _ in range(5)]
        for each in endpoints:
            at.now.tell("kronos_work", each, is_on_the_wire=each == endpoints[-1])
        await until(lambda: is_woken(at), "the wake")
        assert at.wake.take_told() == set(endpoints)


async def test_notifications_that_came_with_an_earlier_answer_are_heard_before_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing else comes over the socket for them."""
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.0)
    async with listening() as at:
        at.forget_the_start()
        at.now.tell("kronos_work", str(uuid4()), is_on_the_wire=False)
        await until(lambda: at.wake.has_told, "the notification")


async def test_a_server_that_was_not_heard_is_asked_whether_it_is_there_and_one_that_was_heard_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.0)
    async with listening() as at:
        await until(lambda: at.did.count("ask") > 2, "questions")

        heard: list[float] = []

        async def hear(connection: Any, seconds: float) -> None:
            await asyncio.sleep(0)
            at.listener._has_heard = True
            heard.append(seconds)

        monkeypatch.setattr(at.listener, "_hear", hear)
        await until(lambda: len(heard) > 2, "what it hears")  # a question may still be under way
        at.did.clear()
        await turns(50)
        assert at.did == []


async def test_when_it_is_time_pg_cron_is_checked_and_what_a_ring_created_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.0)
    async with listening() as at:
        at.forget_the_start()
        at.is_due = True
        await until(lambda: at.looks == 2, "the check")
        await turns()
        assert not is_woken(at), "it created nothing"
        at.creates = at.is_due = True
        await until(lambda: at.looks == 3, "the next check")
        await until(lambda: is_woken(at), "the wake")


async def test_it_waits_no_longer_than_until_the_next_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUIET_SECONDS", 3600.0)
    async with listening(seconds_to_look=-5.0) as at:
        await until(lambda: "ask" in at.did, "the end of a wait that has no time left")


async def test_new_rules_of_a_time_zone_are_read_by_a_new_session() -> None:
    async with listening() as at:
        at.forget_the_start()
        at.now.tell("kronos_zones")
        await until(lambda: len(at.connections) == 2, "a new connection")
        await until(lambda: at.looks == 2, "its start")
        assert at.did == ["renew", "close", "connect", "distrust"], "no pause: nothing is broken"
        assert at.forgotten == [None]
        at.forget_the_start()
        at.now.tell("kronos_work")
        await until(lambda: is_woken(at), "a notification to the new one")
        assert len(at.connections) == 2


async def test_a_connection_that_is_lost_is_replaced_and_nothing_is_trusted() -> None:
    async with listening() as at:
        at.forget_the_start()
        lost = at.now
        lost.lose()
        await until(lambda: at.looks == 2, "the start of the next one")
        assert at.did == ["close", "pause", "connect", "distrust"]
        assert at.forgotten == [None]
        assert (is_woken(at), at.wake.are_limits_new) == (True, True)
        assert lost is not at.now
