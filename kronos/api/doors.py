"""How many connections one API process holds, how long each may take, and which of them yields to a newcomer.

A connection without a request under way is kept for its caller's convenience only: where there is no room, the one that
has waited longest is closed. So idle connections, however many, keep nobody out.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from kronos.config import Settings

MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Of all answers that wait for their callers to read them; beyond it the one that has waited longest is cut off."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a caller may send and hold before it has been asked who it is. Settings has each one's unit, default and
    why."""

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
        """As the settings say."""
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
    """A connection, as the doors see it."""

    address: str
    """Whom it counts for, as `address_of` has it."""

    @property
    def unread_bytes(self) -> int:
        """What of its answers has not been taken by the system yet."""

    def look(self, now: float) -> None:
        """End what has taken too long."""

    def cut(self) -> None:
        """Close the connection, whatever is left of it."""


class Doors:
    """The connections of one process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: set[Visitor] = set()
        self._waiting: OrderedDict[Visitor, None] = OrderedDict()  # without a request under way, longest first
        self._of_address: dict[str, set[Visitor]] = {}
        self._unread: OrderedDict[Visitor, None] = OrderedDict()  # whose caller does not keep up, longest first
        self._look_seconds = min(
            _LOOK_SECONDS, limits.head_seconds / 4, limits.idle_seconds / 4, limits.write_seconds / 4
        )
        self._is_looking = False

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, visitor: Visitor) -> str | None:
        """Count a new connection, which waits; None, or why there is no room for it."""
        limits, same = self.limits, self._of_address.setdefault(visitor.address, set())
        refusal = None
        if limits.connections_per_address and len(same) >= limits.connections_per_address and not self._cut_one(same):
            refusal = f"{limits.connections_per_address} requests are under way from this address"
        elif len(self._all) >= limits.connections and not self._cut_one(None):
            refusal = f"{limits.connections} connections of this process have requests under way"
        self._all.add(visitor)
        self._of_address.setdefault(visitor.address, same).add(visitor)
        self._waiting[visitor] = None
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(self._look_seconds, self._look)
        return refusal

    def leave(self, visitor: Visitor) -> None:
        """Forget a connection."""
        self._all.discard(visitor)
        self._waiting.pop(visitor, None)
        self._unread.pop(visitor, None)
        if (same := self._of_address.get(visitor.address)) is not None:
            same.discard(visitor)
            if not same:
                del self._of_address[visitor.address]

    def waits(self, visitor: Visitor) -> None:
        """From now on it has no request under way, or is sending one: the last to yield."""
        self._waiting[visitor] = None
        self._waiting.move_to_end(visitor)

    def serves(self, visitor: Visitor) -> None:
        """It has a request under way, and does not yield."""
        self._waiting.pop(visitor, None)

    def is_unread(self, visitor: Visitor) -> None:
        """Its caller does not keep up with what is written."""
        self._unread[visitor] = None
        while len(self._unread) > 1 and sum(each.unread_bytes for each in self._unread) > MAX_UNREAD_BYTES:
            oldest, _ = self._unread.popitem(last=False)
            oldest.cut()

    def is_read(self, visitor: Visitor) -> None:
        """Its caller has caught up."""
        self._unread.pop(visitor, None)

    def _cut_one(self, among: set[Visitor] | None) -> bool:
        """Close the connection that has waited longest, of those given or of all; whether there was one."""
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
    """Whom a connection counts for: an IPv4 address; of IPv6 the 64 bits that one caller usually has to itself."""
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
