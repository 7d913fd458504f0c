"""Servers of tests whose connections end if what serves them fails, as Python 3.11.7 does it and 3.11.2 does not."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]


def served(serve: Serve) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """For asyncio.start_server. A connection that nobody closes is a warning in whichever test runs when it is
    collected.
    """

    async def closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            serving = serve(reader, writer)
            if inspect.isawaitable(serving):
                await serving
        except BaseException:
            writer.close()
            raise

    return closed
