"""The connections of one worker: opened through the egress guard, and kept for the next delivery to the same origin."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial

import aiohappyeyeballs

from kronos.delivery.connection import Connection
from kronos.delivery.egress import AddressRefused, AddrInfo, EgressPolicy, Resolver, checked_addresses, open_socket
from kronos.delivery.trust import Trust
from kronos.records import dataclass

# Shorter than the 5 s of node and uvicorn: a request sent while its connection is being closed ends UNKNOWN.
_KEEP_ALIVE_SECONDS = 4.0
_SWEEP_SECONDS = 1.0
# How long a receiver that closed a reused connection gets only new ones. Each such close costs an attempt.
_DISTRUST_SECONDS = 600.0
_MOST_DISTRUSTED = 1000
# RFC 8305 section 5: the time before the next address, of the other family, is tried in parallel.
_NEXT_ADDRESS_SECONDS = 0.25


class NameUnknown(OSError):
    """The host's name could not be resolved."""


class HostUnreachable(OSError):
    """No address of the host accepted the connection. `errno`: why, if all addresses failed for the same reason."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The target of a connection; `host` in the form to resolve, without brackets."""

    is_tls: bool
    host: str
    port: int


class Connections:
    """Kept and new connections; each carries one delivery at a time.

    At most `most_idle` idle ones are kept, because tenants may deliver to any number of hosts, and each connection is a
    file descriptor."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver, trust: Trust, *, most_idle: int) -> None:
        self._most_idle = most_idle
        self._idle_count = 0
        self._policy = policy
        self._resolver = resolver
        self.trust = trust
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closes_on_use: dict[Origin, float] = {}

    def take_kept(self, origin: Origin) -> Connection | None:
        """Return the reusable connection to `origin` that was used last, or None."""
        kept = self._idle.get(origin)
        if not kept:
            return None
        oldest = time.monotonic() - _KEEP_ALIVE_SECONDS
        while kept:
            connection = kept.pop()
            self._idle_count -= 1
            if connection.idle_since >= oldest and self._is_trusted(origin, connection) and connection.is_reusable:
                return connection
            connection.abort()
        return None

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose response was read to its end."""
        now = time.monotonic()
        if self._closes_on_use and self._closes_on_use.get(origin, 0.0) > now:
            connection.abort()
            return
        if self._idle_count >= self._most_idle:
            self._close_one()
        connection.idle_since = now
        self._idle.setdefault(origin, []).append(connection)
        self._idle_count += 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_old)

    def _close_one(self) -> None:
        """Close the longest idle connection of the origin added first."""
        for origin, kept in list(self._idle.items()):
            if kept:
                kept.pop(0).abort()
                self._idle_count -= 1
                return
            del self._idle[origin]

    def closed_on_use(self, origin: Origin) -> None:
        """Note that a kept connection to `origin` closed without a response when it was reused."""
        self._closes_on_use.pop(origin, None)
        self._closes_on_use[origin] = time.monotonic() + _DISTRUST_SECONDS
        if len(self._closes_on_use) > _MOST_DISTRUSTED:
            del self._closes_on_use[next(iter(self._closes_on_use))]

    def _is_trusted(self, origin: Origin, connection: Connection) -> bool:
        """Whether a TLS connection was made under the current trust."""
        return not origin.is_tls or connection.trusted is self.trust.context

    async def open(self, origin: Origin) -> Connection:
        """Open a new connection, with the TLS handshake done. Raises AddressRefused, NameUnknown, HostUnreachable,
        ssl.SSLError."""
        loop = asyncio.get_running_loop()
        opened = await connected_socket(self._policy, self._resolver, origin.host, origin.port)
        try:
            if origin.is_tls:
                raw, _ = await loop.create_connection(asyncio.Protocol, sock=opened)
            else:
                _, plain = await loop.create_connection(Connection, sock=opened)
                return plain
        except BaseException as error:
            # The event loop may or may not close the socket. It must not be left to its finalizer.
            opened.close()
            if isinstance(error, OSError):
                raise HostUnreachable("the connection ended before it could be used") from error
            raise
        return await self._secured(origin, raw)

    async def _secured(self, origin: Origin, raw: asyncio.Transport) -> Connection:
        """Do the TLS handshake over a connection; on failure, close the connection."""
        context = self.trust.context
        connection = Connection(context, raw)
        secured = None
        try:
            secured = await asyncio.get_running_loop().start_tls(
                raw, connection, context, server_hostname=origin.host.removesuffix(".")
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            raise HostUnreachable("the connection ended before it could be used") from error
        finally:
            if secured is None:
                raw.abort()
        if secured is None:
            raise HostUnreachable("the connection ended before it could be used")
        connection.connection_made(secured)
        return connection

    async def close(self) -> None:
        """Close all kept connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        for kept in self._idle.values():
            for connection in kept:
                connection.abort()
        self._idle.clear()
        self._idle_count = 0
        await self._resolver.close()
        await asyncio.sleep(0)  # the event loop closes an aborted connection's socket in its next iteration

    def _close_old(self) -> None:
        oldest = time.monotonic() - _KEEP_ALIVE_SECONDS
        for origin, kept in list(self._idle.items()):
            for connection in kept:
                if connection.idle_since < oldest:
                    connection.abort()
            fresh = [connection for connection in kept if connection.idle_since >= oldest]
            self._idle_count -= len(kept) - len(fresh)
            if fresh:
                self._idle[origin] = fresh
            else:
                del self._idle[origin]
        self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_old) if self._idle else None


async def connected_socket(policy: EgressPolicy, resolver: Resolver, host: str, port: int) -> socket.socket:
    """Return a socket connected to a host, after checking every address. Raises AddressRefused, NameUnknown,
    HostUnreachable."""
    guard = _Guard(policy)
    try:
        return await aiohappyeyeballs.start_connection(
            [_info(address, port) for address in await _addresses(policy, resolver, host, port)],
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
            interleave=1,
            loop=asyncio.get_running_loop(),
            socket_factory=guard.open_socket,
        )
    except (AddressRefused, NameUnknown):
        raise
    except OSError as error:
        if guard.has_refused:
            raise AddressRefused("deliveries to an address of the host are not allowed") from error
        raise HostUnreachable(error.errno, "no address of the host accepted the connection") from error


async def _addresses(policy: EgressPolicy, resolver: Resolver, host: str, port: int) -> list[str]:
    if is_address(host):
        return [host]
    try:
        return await checked_addresses(policy, resolver, host, port)
    except AddressRefused:
        raise
    except OSError as error:
        raise NameUnknown("the host's name could not be resolved") from error


class _Guard:
    """open_socket for one connection. Remembers a rejected address, because happy eyeballs may raise another error."""

    def __init__(self, policy: EgressPolicy) -> None:
        self.has_refused = False
        self.open_socket: Callable[[AddrInfo], socket.socket] = partial(self._open, policy)

    def _open(self, policy: EgressPolicy, info: AddrInfo) -> socket.socket:
        try:
            return open_socket(policy, info)
        except AddressRefused:
            self.has_refused = True
            raise


def is_address(host: str) -> bool:
    """Whether a host is a literal address, not a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def _info(address: str, port: int) -> AddrInfo:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
