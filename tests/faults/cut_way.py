"""A proxy to PostgreSQL that can cut connections at any byte, like a firewall or a switch, or fall silent, as when
PostgreSQL is stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from served import served


class CutWay:
    """Forwards bytes in both directions until `cut`; then accepts new connections as before."""

    def __init__(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        self._target = str(parts["host"]), int(str(parts["port"]))
        self._open: set[asyncio.StreamWriter] = set()
        self._url = url
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self.url = ""

    def opened_on(self, port: int) -> None:
        """Set `url`: the proxy listens on this port."""
        self.url = make_conninfo(self._url, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")

    def cut(self) -> int:
        """Close every connection at both ends, with the bytes in transit; return how many there were."""
        ends = list(self._open)
        for end in ends:
            end.transport.abort()
        return len(ends) // 2

    async def fall_silent(self) -> None:
        """From now on, forward nothing; connections stay open, and new ones are accepted."""
        self._goes_on.clear()

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Forward one connection, until one of its ends closes."""
        try:
            server, to_server = await asyncio.open_connection(*self._target)
        except OSError:  # PostgreSQL is down, so the proxy is too
            to_client.transport.abort()
            return
        ends = {to_client, to_server}
        self._open |= ends
        try:
            ways = [asyncio.create_task(self._pass_on(*way)) for way in ((client, to_server), (server, to_client))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                await self._goes_on.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def cut_way(url: str) -> AsyncIterator[CutWay]:
    """A proxy to the database of `url`, on this loop."""
    way = CutWay(url)
    server = await asyncio.start_server(served(way.serve), "127.0.0.1", 0)
    way.opened_on(server.sockets[0].getsockname()[1])
    try:
        yield way
    finally:
        server.close()
        way.cut()
