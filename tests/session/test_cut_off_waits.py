"""A caller that is cancelled while it waits for a connection of the pool ends, and the connection goes to the next
one."""

import asyncio

import pytest
from psycopg import waiting

from kronos.pool import Pool
from kronos.round_trips import one_round_trip
from sql_factory import Connection, value
from told import told

_MOST_TURNS = 12
"""The most turns of the event loop from a connection's return to the last step of the task that waits for it, or from a
task's first step to its first statement."""


@pytest.mark.parametrize("turns", range(_MOST_TURNS))
async def test_who_is_cut_off_while_it_is_given_a_connection_ends(database_url: str, turns: int) -> None:
    has_gone_on = asyncio.Event()

    async def look_for_ever() -> None:
        while True:
            async with pool.connection():
                has_gone_on.set()
                await asyncio.sleep(3600)

    async with Pool(database_url, size=1, wait_seconds=60) as pool:
        async with pool.connection():
            waits = asyncio.create_task(look_for_ever())
            while not pool.get_stats().get("requests_waiting", 0):  # noqa: ASYNC110 - the pool has no event
                await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        waits.cancel()
        await asyncio.wait({waits}, timeout=60)
        assert waits.cancelled(), f"it continued after {turns} turns: {has_gone_on.is_set()}"
        async with asyncio.timeout(60), pool.connection() as connection:
            assert connection.info.backend_pid


async def test_what_is_given_back_by_who_is_cut_off_is_there_for_the_next(database_url: str) -> None:
    async with Pool(database_url, size=1, wait_seconds=60) as pool:

        async def give_back() -> None:
            async with pool.connection():
                has_it.set()
                await may_end.wait()

        has_it, may_end = asyncio.Event(), asyncio.Event()
        gives = asyncio.create_task(give_back())
        await has_it.wait()
        async with pool._lock:  # as while another caller gets a connection
            may_end.set()
            for _ in range(_MOST_TURNS):
                await asyncio.sleep(0)
            gives.cancel()
            await asyncio.wait({gives}, timeout=60)
        assert gives.cancelled()
        async with asyncio.timeout(60), pool.connection() as connection:
            assert connection.info.backend_pid


@pytest.fixture
def writable(superuser: Connection) -> None:
    superuser.execute("create table tests.kept (number integer); grant usage on schema tests to kronos_api")
    superuser.execute("grant insert, select on tests.kept to kronos_api")


@pytest.mark.parametrize("turns", range(1, _MOST_TURNS))
async def test_a_task_cancelled_as_it_enters_a_pipeline_takes_no_later_write_with_it(
    superuser: Connection, database_url: str, writable: None, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """In a pipeline that is never exited, a later statement is answered but not committed. psycopg yields to a busy
    event loop right after it has entered libpq's pipeline; a cancellation there means that it never exits it."""
    monkeypatch.setattr(waiting, "MAX_BUSY_TIME", -1.0)  # the event loop always counts as busy
    async with Pool(database_url, size=1, wait_seconds=60) as pool:

        async def ask() -> None:
            async with pool.connection() as connection, one_round_trip(connection):
                await connection.execute("select 1")

        await pool.wait()
        asks = asyncio.create_task(ask())
        for _ in range(turns):
            await asyncio.sleep(0)
        asks.cancel()
        await asyncio.wait({asks}, timeout=60)
        assert asks.done()
        async with pool.connection() as connection:
            written = await connection.execute("insert into tests.kept values (1) returning number")
            assert await written.fetchall() == [(1,)]
        assert value(superuser, "select count(*) from tests.kept") == 1


async def test_a_connection_whose_round_trip_was_not_ended_is_used_by_nobody(
    superuser: Connection, database_url: str, writable: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with Pool(database_url, size=1, wait_seconds=60) as pool:
        async with pool.connection() as connection:
            await connection.pipeline().__aenter__()
            left = connection
        async with pool.connection() as connection:
            assert connection is not left
            written = await connection.execute("insert into tests.kept values (1) returning number")
            assert await written.fetchall() == [(1,)]
    assert value(superuser, "select count(*) from tests.kept") == 1
    line = told(caplog, "connection.unended")
    assert (line["level"], "its round trip was not ended" in line["message"]) == ("WARNING", True)
