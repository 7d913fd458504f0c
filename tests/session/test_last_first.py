"""Requests that come one after another share a session, which then plans each statement once (decision 0167)."""

from contextlib import AsyncExitStack

from kronos.pool import Pool


async def test_the_connection_that_was_returned_last_is_taken_first_and_closed_last(database_url: str) -> None:
    async with Pool(database_url, size=4, wait_seconds=60) as pool:
        async with AsyncExitStack() as all_at_once:
            connections = [await all_at_once.enter_async_context(pool.connection()) for _ in range(4)]
            await pool._shrink_pool()  # all are in use
        first, second, third, fourth = connections  # the fourth was returned first
        for _ in range(9):
            async with pool.connection() as taken:
                assert taken is first

        async with pool.connection(), pool.connection() as taken:
            assert taken is second, "requests at the same moment have a session each"

        await pool._shrink_pool()  # closes none, because all were in use
        async with pool.connection() as taken:
            assert taken is fourth, "it was unused for longest"
        await pool._shrink_pool()
        assert [each for each in connections if each.closed] == [third]
        async with pool.connection() as taken:
            assert taken is fourth
