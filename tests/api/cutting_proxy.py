"""A TCP proxy in front of PostgreSQL that understands enough of its protocol to cut a connection at a chosen point of a
request.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from served import served

Point = Literal["before", "during", "after", "held"]
"""before: the request never reaches PostgreSQL. during: it does, and both ends are cut immediately. after: PostgreSQL
has executed it and answered, but the answer never reaches the caller. held: as after, but nothing is cut; only a
request that executes a statement is held.
"""
_BEGINS, _IN_TRANSACTION = b"BEGIN", b"T"


@dataclass
class Proxy:
    """Cuts the connection once, at `point`, at the `left`-th request that belongs to the caller. If `left` is below 1,
    it does not cut.

    A request belongs to the caller if it contains one of `names` or runs in an explicit transaction. Requests that a
    process makes by itself (who a new connection is, whose a key is) may come at any time, and are neither.
    """

    url: str
    point: Point = "before"
    left: int = 0
    names: tuple[bytes, ...] = ()
    has_cut: bool = False
    port: int = 0
    """The port from which the proxy connected to PostgreSQL for the connection that was cut. Its session ends when it
    has finished the requests that it received.
    """

    def arm(self, point: Point, at: int, *, of: Sequence[str]) -> None:
        """Cut at the caller's `at`-th request that contains one of the names `of`."""
        self.point, self.left, self.has_cut = point, at, False
        self.names = (_BEGINS, *(name.encode() for name in of))

    def is_callers(self, message: bytes) -> bool:
        """Whether the message contains one of the caller's names."""
        return any(name in message for name in self.names)

    def disarm(self) -> bool:
        """Stop cutting. Return whether it has cut."""
        self.left = 0
        return self.has_cut

    def cuts(self) -> bool:
        """Whether the request that has just arrived is the one to cut."""
        self.left -= 1
        self.has_cut = self.has_cut or self.left == 0
        return self.left == 0


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


class _Connection:
    """One client's connection, forwarded message by message in both directions."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client, self._to_client = client, to_client
        self._point: Point | None = None
        self._is_in_transaction = False

    async def serve(self, target: tuple[str, int]) -> None:
        """Forward until one side closes, or until the connection is cut."""
        server, to_server = await asyncio.open_connection(*target)
        try:
            length = await self._client.readexactly(4)
            to_server.write(length + await self._client.readexactly(int.from_bytes(length, "big") - 4))
            ways = {asyncio.create_task(self._requests(to_server)), asyncio.create_task(self._answers(server))}
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._to_client.transport.abort()
            to_server.close()  # sends what was written before it closes

    async def _requests(self, to_server: asyncio.StreamWriter) -> None:
        executes = is_callers = False
        while True:
            message = await _message(self._client)
            executes = executes or message[:1] == b"E"
            is_callers = is_callers or self._is_in_transaction or self._proxy.is_callers(message)
            if message[:1] in (b"S", b"Q"):  # Sync, Query: PostgreSQL commits only at these
                if is_callers and (executes or self._proxy.point != "held") and self._proxy.cuts():
                    self._point, self._proxy.port = self._proxy.point, to_server.get_extra_info("sockname")[1]
                executes = is_callers = False
                if self._point == "before":
                    return
            to_server.write(message)
            if self._point == "during":
                await to_server.drain()
                return

    async def _answers(self, server: asyncio.StreamReader) -> None:
        while True:
            message = await _message(server)
            if message[:1] == b"Z":
                self._is_in_transaction = message[5:] == _IN_TRANSACTION
            if self._point is None:
                self._to_client.write(message)
            elif self._point == "after" and message[:1] == b"Z":  # ReadyForQuery: the transaction is over
                return


@contextmanager
def cutting_proxy(url: str) -> Iterator[Proxy]:
    """A proxy to the database of `url`, in a separate thread."""
    parts = conninfo_to_dict(url)
    target = str(parts["host"]), int(str(parts["port"]))
    listening = socket.create_server(("127.0.0.1", 0))
    # What it accepts inherits this, which asyncio sets only for sockets that name their protocol. Otherwise the second
    # message of each answer waits 40 ms for the acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    proxy = Proxy(
        url=make_conninfo(
            url, host="127.0.0.1", port=listening.getsockname()[1], sslmode="disable", gssencmode="disable"
        )
    )
    loop = asyncio.new_event_loop()

    async def take(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await _Connection(proxy, client, to_client).serve(target)

    loop.run_until_complete(asyncio.start_server(served(take), sock=listening, limit=2**24))
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        listening.close()
