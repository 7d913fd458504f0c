"""Finds the addresses of hosts' names."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

import aiodns

# Of the first try, while the server is not known; then c-ares waits five times what its answers took lately, and from a
# quarter of a second on, each time twice as long. So five tries are 8 s of patience with a server that is mostly quick,
# and three were 1.4 s: too few for a name that it has to ask others for.
_SECONDS_A_TRY = 2.0
_TRIES = 5


class SystemResolver:
    """c-ares, by the operating system's resolv.conf and hosts file.

    A look-up is a datagram and no thread, so that names whose servers never answer hold up nobody else's, and it ends
    at once when the process does. Deliveries to one name at the same time share one look-up.
    """

    def __init__(self, *, servers: Sequence[str] | None = None, port: int | None = None) -> None:
        """`servers` and `port`: of name servers, in place of the operating system's."""
        self._servers = servers
        self._port = port
        self._resolver: aiodns.DNSResolver | None = None
        self._under_way: dict[str, asyncio.Task[list[str]]] = {}

    async def resolve(self, host: str) -> list[str]:
        """Every address of the name, as it is now, or was as long ago as its record lets it be kept, an hour at most.
        Raises OSError."""
        task = self._under_way.get(host)
        if task is None:
            task = self._under_way[host] = asyncio.create_task(self._ask(host), name=f"dns {host}")
            task.add_done_callback(lambda ended: self._forget(host, ended))
        # Shielded: who stops waiting takes the answer away from nobody. It ends by itself when its tries are used up.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Take no more names; what is under way ends now."""
        for task in list(self._under_way.values()):
            task.cancel()
        if self._resolver is not None:
            await self._resolver.close()

    async def _ask(self, host: str) -> list[str]:
        if self._resolver is None:
            # Made here: it belongs to the event loop that is running.
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
            ended.exception()  # read by those who waited, if anybody still did
