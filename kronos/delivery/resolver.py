"""Resolve host names to addresses."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

import aiodns

# The timeout of the first try, while the server's speed is unknown. Then c-ares waits five times as long as recent
# responses took, at least a quarter of a second, and twice as long for each further try. Five tries are 8 s with a
# usually fast server; three were 1.4 s, too few for a name that the server has to look up elsewhere.
_SECONDS_A_TRY = 2.0
_TRIES = 5


class SystemResolver:
    """c-ares, with the operating system's resolv.conf and hosts file.

    A lookup is a datagram and needs no thread, so names whose servers never respond do not delay others, and it ends
    immediately when the process does. Concurrent deliveries to one name share a lookup.
    """

    def __init__(self, *, servers: Sequence[str] | None = None, port: int | None = None) -> None:
        """`servers` and `port`: name servers to use instead of the operating system's."""
        self._servers = servers
        self._port = port
        self._resolver: aiodns.DNSResolver | None = None
        self._under_way: dict[str, asyncio.Task[list[str]]] = {}

    async def resolve(self, host: str) -> list[str]:
        """Return every address of the name, possibly cached for its record's TTL, at most an hour. Raises OSError."""
        task = self._under_way.get(host)
        if task is None:
            task = self._under_way[host] = asyncio.create_task(self._ask(host), name=f"dns {host}")
            task.add_done_callback(lambda ended: self._forget(host, ended))
        # Shielded, so that a cancelled waiter does not cancel the lookup for others. It ends after its last try.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop resolving, and abort lookups under way."""
        for task in list(self._under_way.values()):
            task.cancel()
        if self._resolver is not None:
            await self._resolver.close()

    async def _ask(self, host: str) -> list[str]:
        if self._resolver is None:
            # Created here because it belongs to the running event loop.
            self._resolver = aiodns.DNSResolver(
                self._servers, timeout=_SECONDS_A_TRY, tries=_TRIES, udp_port=self._port
            )
        try:
            found = await self._resolver.getaddrinfo(host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError("the name could not be resolved") from error
        return [
            address.decode() if isinstance(address, bytes) else str(address)
            for address in (node.addr[0] for node in found.nodes)
        ]

    def _forget(self, host: str, ended: asyncio.Task[list[str]]) -> None:
        if self._under_way.get(host) is ended:
            del self._under_way[host]
        with suppress(asyncio.CancelledError):
            ended.exception()  # already raised for any remaining waiters
