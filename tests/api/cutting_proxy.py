"""A TCP proxy before PostgreSQL that understands enough of its protocol to cut a connection at a chosen point of a request."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Point = Literal["before", "during", "after", "held"]
"""before: what was sent never reaches PostgreSQL. during: it does, and both ends are cut at once. after: PostgreSQL has done it and said so,
which never reaches the caller. held: the same, and nothing is cut."""


@dataclass
class Proxy:
    """Cuts the connection at the `at`-th request (up to a Sync) that comes from now on, once, at `point`."""

    url: str
    point: Point = "before"
    at: int = 0
    seen: list[bytes] = field(default_factory=list)

    def arm(self, point: Point, at: int) -> None:
        self.seen, self.point, self.at = [], point, at

    def disarm(self) -> bool:
        """Whether it had cut; it cuts no more."""
        has_cut, self.at = self.at == 0, -1
        return has_cut

    def cuts(self, request: bytes) -> bool:
        """Whether this request is the one."""
        self.seen.append(request)
        self.at -= 1
        return self.at == 0


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


async def _until_ready(reader: asyncio.StreamReader) -> bytes:
    """PostgreSQL's messages up to the ReadyForQuery that ends the answer: by then the transaction is over."""
    answer = b""
    while True:
        message = await _message(reader)
        answer += message
        if message[:1] == b"Z":
            return answer


async def _serve(proxy: Proxy, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, target: tuple[str, int]) -> None:
    server, to_server = await asyncio.open_connection(*target)
    try:
        length = await client.readexactly(4)
        to_server.write(length + await client.readexactly(int.from_bytes(length, "big") - 4))
        to_client.write(await _until_ready(server))
        request = b""
        while True:
            message = await _message(client)
            request += message
            if message[:1] == b"X":
                return
            if message[:1] not in (b"S", b"Q", b"H"):  # Sync, Query, Flush
                continue
            whole, request = request, b""
            is_cut = message[:1] != b"H" and proxy.cuts(whole)
            if is_cut and proxy.point == "before":
                return
            to_server.write(whole)
            await to_server.drain()
            if is_cut and proxy.point == "during":
                return
            if message[:1] == b"H":
                raise AssertionError("psycopg flushes without a Sync: the proxy must learn to")
            answer = await _until_ready(server)
            if is_cut and proxy.point == "held":
                await client.read()  # until the caller gives up
                return
            if is_cut:
                return
            to_client.write(answer)
            await to_client.drain()
    finally:
        to_client.transport.abort()
        to_server.close()


@contextmanager
def cutting_proxy(url: str) -> Iterator[Proxy]:
    """A proxy to the database of `url`, in a thread of its own."""
    parts = conninfo_to_dict(url)
    target = str(parts["host"]), int(str(parts["port"]))
    listening = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(url=make_conninfo(url, host="127.0.0.1", port=listening.getsockname()[1], sslmode="disable", gssencmode="disable"), at=-1)
    loop = asyncio.new_event_loop()

    async def take(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await _serve(proxy, client, to_client, target)

    loop.run_until_complete(asyncio.start_server(take, sock=listening, limit=2**24))
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        listening.close()
