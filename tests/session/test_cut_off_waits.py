"""Who is cut off while it waits for a connection of the pool ends, and the connection is there for the next one."""

import asyncio

import pytest

from kronos.pool import Pool
from sql_factory import Connection, value

_MOST_TURNS = 12
"""Of the event loop, from a connection's return to the last step of who waits for it."""


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
        assert waits.cancelled(), f"it went on after {turns} turns: {has_gone_on.is_set()}"
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
        async with pool._lock:  # as while another is given a connection
            may_end.set()
            for _ in range(_MOST_TURNS):
                await asyncio.sleep(0)
            gives.cancel()
            await asyncio.wait({gives}, timeout=60)
        assert gives.cancelled()
        async with asyncio.timeout(60), pool.connection() as connection:
            assert connection.info.backend_pid


async def test_a_connection_whose_round_trip_was_not_ended_is_used_by_nobody(
    superuser: Connection, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Within a pipeline a statement alone is answered, and committed by the next pipeline's end, if there is one."""
    superuser.execute("create table tests.kept (number integer); grant usage on schema tests to kronos_api")
    superuser.execute("grant insert on tests.kept to kronos_api")
    async with Pool(database_url, size=1, wait_seconds=60) as pool:
        async with pool.connection() as connection:
            await connection.pipeline().__aenter__()
            left = connection
        async with pool.connection() as connection:
            assert connection is not left
            await connection.execute("insert into tests.kept values (1)")
    assert value(superuser, "select count(*) from tests.kept") == 1
    assert "its round trip was not ended" in caplog.text
