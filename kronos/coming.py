"""Cache of computed upcoming runs of large workspaces, for repeated requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from kronos.kept import Cache
from kronos.records import dataclass

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """The change up to which a workspace's configuration was read (workspace None: all workspaces): the number of rows
    in its audit, sealed or not. Every committed change adds one, in whatever order they commit."""

    workspace_id: UUID | None
    changes: int


@dataclass(frozen=True, slots=True)
class Reckoned(Generic[Found]):
    """A result, computed from `jobs` jobs, with its size."""

    found: Found
    jobs: int
    rows: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A workspace's results as of a change: time, result and size, by kind and request."""

    changes: int
    found: dict[tuple[object, ...], tuple[float, object, int]]


class Coming:
    """Results for very many jobs, which cost PostgreSQL 0.1 to 0.2 s for 50,000 jobs. A result is computed again after
    half a minute, as time passes, and as soon as anything was changed. Requests that arrive during a computation wait
    for it, because a change makes all open pages ask at the same moment. Results for fewer jobs are not kept."""

    _MANY = 2_000
    _SECONDS = 30.0
    _MOST_BYTES = 4 * 1024 * 1024
    _BYTES_OF_MINUTE, _BYTES_OF_EACH = 40, 1024

    def __init__(self) -> None:
        self._kept: Cache[UUID | None, _Kept] = Cache(budget=2 * self._MOST_BYTES, each=self._MOST_BYTES)
        self._looking: WeakValueDictionary[UUID | None, asyncio.Lock] = WeakValueDictionary()

    async def once(
        self,
        as_of: AsOf,
        kind: type[Found],
        asked: tuple[Hashable, ...],
        make: Callable[[], Awaitable[Reckoned[Found]]],
    ) -> Found:
        """Return the cached result, or compute it now. Raises as `make`."""
        if (kept := self._of(as_of, kind, asked)) is not None:
            return kept
        if as_of.workspace_id not in self._kept:  # few jobs, or nothing computed before
            return self._keep(as_of, asked, await make())
        async with self._looking.setdefault(as_of.workspace_id, asyncio.Lock()):
            if (kept := self._of(as_of, kind, asked)) is not None:
                return kept
            return self._keep(as_of, asked, await make())

    def _of(self, as_of: AsOf, kind: type[Found], asked: tuple[Hashable, ...]) -> Found | None:
        """Return the result as of this change or a later one, if it is less than half a minute old."""
        kept = self._kept.get(as_of.workspace_id)
        if kept is None or kept.changes < as_of.changes:
            return None
        since, found, _ = kept.found.get((kind, *asked), (0.0, None, 0))
        return found if isinstance(found, kind) and time.monotonic() - since <= self._SECONDS else None

    def _keep(self, as_of: AsOf, asked: tuple[Hashable, ...], made: Reckoned[Found]) -> Found:
        """Keep the result if it was expensive, and drop results as of earlier changes."""
        kept = self._kept.get(as_of.workspace_id)
        if made.jobs < self._MANY or (kept is not None and kept.changes > as_of.changes):
            return made.found
        now, size = time.monotonic(), self._BYTES_OF_EACH * (1 + made.rows) + self._BYTES_OF_MINUTE * made.minutes
        before = kept.found.items() if kept is not None and kept.changes == as_of.changes else ()
        fresh = {key: each for key, each in before if now - each[0] <= self._SECONDS}
        fresh |= {(type(made.found), *asked): (now, made.found, size)}
        while (whole := sum(each[2] for each in fresh.values())) > self._MOST_BYTES:
            del fresh[min(fresh, key=lambda key: fresh[key][0])]
        self._kept.put(as_of.workspace_id, _Kept(changes=as_of.changes, found=fresh), whole)
        return made.found
