"""A busy worker's next claim runs while its deliveries are in progress, and a delivery leaves nothing for the garbage
collector."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from collections_of_garbage import of_new_objects_alone
from delivery.sending import LOCAL
from delivery.servers import Receiver, Talk, answer
from factory import add_endpoint, add_executions
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.worker.link import Link, Outage
from kronos.worker.loop import Loop
from kronos.worker.wake import Wake
from worker.running import until

_LONG = 600_000  # ms: no test waits this long


class CountingLink(Link):
    """Records how many executions each claim asked for."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url, "test", Outage())
        self.asked: list[int] = []

    async def texts(self, statement: Any, params: Any, *, may_be_locked: bool = False) -> Any:
        if statement.name == "claims.claim_executions":
            self.asked.append(sum(map(int, params["quotas"].strip("{}").split(","))))
        return await super().texts(statement, params, may_be_locked=may_be_locked)


@asynccontextmanager
async def _working(database_url: str, *, concurrency: int) -> AsyncIterator[CountingLink]:
    """A loop that delivers; its claims' connection."""
    claiming, finalizing = CountingLink(database_url), Link(database_url, "finalize", Outage())
    async with HttpTransport(LOCAL) as transport:
        loop = Loop(
            claiming=claiming,
            finalizing=finalizing,
            transport=transport,
            streams=Streams(LOCAL),
            worker_id="w",
            concurrency=concurrency,
            lease=timedelta(seconds=15),
            wake=Wake(poll_seconds=60),
        )
        running, storing = asyncio.create_task(loop.run()), asyncio.create_task(loop.finalizer.run())
        try:
            yield claiming
        finally:
            loop.stop()
            await running
            await loop.drain(timedelta(seconds=0))
            loop.finalizer.close()
            await storing
            await claiming.close()
            await finalizing.close()


@pytest.mark.parametrize(
    ("concurrency", "asked"), [(120, [60, 60]), (60, [50, 10]), (20, [20])], ids=["halves", "no less than 50", "small"]
)
async def test_a_claim_leaves_half_of_the_slots_to_the_next_one(
    superuser: psycopg.Connection, database_url: str, concurrency: int, asked: list[int]
) -> None:
    """The receiver has answered nothing when the next claim is sent."""
    released = asyncio.Event()

    async def hang(talk: Talk) -> None:
        await released.wait()
        await answer()(talk)

    async with Receiver(hang, keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=_LONG)
        add_executions(superuser, endpoint, concurrency + 1)
        async with _working(database_url, concurrency=concurrency) as link:
            try:
                await until(lambda: len(receiver.requests) == concurrency, "as many requests as there are slots")
                assert link.asked == asked
            finally:
                released.set()
            await until(lambda: len(receiver.requests) == concurrency + 1, "the last one")


async def test_deliveries_leave_no_garbage_for_the_collector(superuser: psycopg.Connection, database_url: str) -> None:
    """A delivery's objects are freed with their last reference. A reference cycle keeps all of them until a collection,
    which takes 2 us per delivery."""
    async with Receiver(answer(), keep=True) as receiver, _working(database_url, concurrency=10):
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=_LONG)
        add_executions(superuser, endpoint, 20, is_told=True)
        await until(lambda: len(receiver.requests) == 20, "deliveries that make what is kept")
        with of_new_objects_alone():
            gc.disable()
            try:
                add_executions(superuser, endpoint, 100, is_told=True)
                await until(lambda: _is_stored(superuser, 120), "the deliveries' results")
                found = gc.collect()
            finally:
                gc.enable()
    assert found < 100, "garbage that a hundred deliveries left"


def _is_stored(superuser: psycopg.Connection, count: int) -> bool:
    return superuser.execute("select count(*) from kronos.execution_done").fetchone() == (count,)
