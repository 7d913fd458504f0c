"""Limits on the connections of one API process: how many, how long each may take, and which one yields to a newcomer.

A connection without a request in progress is kept only for its caller's convenience. If there is no room, the one that
has waited longest is closed. So idle connections, however many, keep no caller out.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from typing import Protocol

from kronos.config import Settings
from kronos.records import dataclass

MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Limit for all responses that callers have not read yet. Beyond it, the one that has waited longest is cut off."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a caller may send and hold before it is authenticated. Settings documents each value's unit, default and
    reason."""

    url_bytes: int
    header_bytes: int
    headers: int
    head_seconds: float
    idle_seconds: float
    write_seconds: float
    connections: int
    connections_per_address: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Return the limits in the settings."""
        return cls(
            url_bytes=settings.max_url_bytes,
            header_bytes=settings.max_header_bytes,
            headers=settings.max_headers,
            head_seconds=settings.head_seconds,
            idle_seconds=settings.idle_seconds,
            write_seconds=settings.write_seconds,
            connections=settings.max_connections,
            connections_per_address=settings.max_connections_per_address,
        )


class Visitor(Protocol):
    """A connection, as Doors sees it."""

    address: str
    """The address that it counts for, as returned by `address_of`."""

    @property
    def unread_bytes(self) -> int:
        """Response bytes that the system has not accepted yet."""

    def look(self, now: float) -> None:
        """End what has taken too long."""

    def cut(self) -> None:
        """Close the connection immediately."""


class Doors:
    """The connections of one process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: set[Visitor] = set()
        self._waiting: OrderedDict[Visitor, None] = OrderedDict()  # without a request in progress, longest wait first
        self._of_address: dict[str, set[Visitor]] = {}
        self._unread: OrderedDict[Visitor, None] = OrderedDict()  # whose caller reads too slowly, longest wait first
        self._look_seconds = min(
            _LOOK_SECONDS, limits.head_seconds / 4, limits.idle_seconds / 4, limits.write_seconds / 4
        )
        self._is_looking = False

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, visitor: Visitor) -> str | None:
        """Add a new connection, which waits for a request. Return None, or the reason why there is no room."""
        limits, same = self.limits, self._of_address.setdefault(visitor.address, set())
        refusal = None
        if limits.connections_per_address and len(same) >= limits.connections_per_address and not self._cut_one(same):
            refusal = f"{limits.connections_per_address} requests from this address are in progress"
        elif len(self._all) >= limits.connections and not self._cut_one(None):
            refusal = f"all {limits.connections} connections of this process have requests in progress"
        self._all.add(visitor)
        self._of_address.setdefault(visitor.address, same).add(visitor)
        self._waiting[visitor] = None
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(self._look_seconds, self._look)
        return refusal

    def leave(self, visitor: Visitor) -> None:
        """Remove a connection."""
        self._all.discard(visitor)
        self._waiting.pop(visitor, None)
        self._unread.pop(visitor, None)
        if (same := self._of_address.get(visitor.address)) is not None:
            same.discard(visitor)
            if not same:
                del self._of_address[visitor.address]

    def waits(self, visitor: Visitor) -> None:
        """Note that the connection has no complete request from now on. It becomes the last to yield."""
        self._waiting[visitor] = None
        self._waiting.move_to_end(visitor)

    def serves(self, visitor: Visitor) -> None:
        """Note that the connection has a request in progress and does not yield."""
        self._waiting.pop(visitor, None)

    def is_unread(self, visitor: Visitor) -> None:
        """Note that the caller reads too slowly."""
        self._unread[visitor] = None
        while len(self._unread) > 1 and sum(each.unread_bytes for each in self._unread) > MAX_UNREAD_BYTES:
            oldest, _ = self._unread.popitem(last=False)
            oldest.cut()

    def is_read(self, visitor: Visitor) -> None:
        """Note that the caller has caught up."""
        self._unread.pop(visitor, None)

    def _cut_one(self, among: set[Visitor] | None) -> bool:
        """Close the connection that has waited longest, among the given ones or all. Return whether there was one."""
        for visitor in self._waiting:
            if among is None or visitor in among:
                self.leave(visitor)
                visitor.cut()
                return True
        return False

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_looking = bool(self._all)
        if self._is_looking:
            loop.call_later(self._look_seconds, self._look)
        now = loop.time()
        for visitor in list(self._all):
            visitor.look(now)


def address_of(host: str) -> str:
    """Return the address that a connection counts for. For IPv6: the 64 bits that one caller usually has to itself."""
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
