"""One listener: what has changed and is not read yet, and the events that it has not taken yet."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Protocol, Self, get_args
from uuid import UUID

from kronos import live
from kronos.api.live_events import (
    Event,
    Filter,
    of_audit,
    of_executions,
    of_heartbeats,
    of_jobs,
    of_operations,
    of_resources,
    reset,
)
from kronos.api.places import EventPlace
from kronos.database import WorkspaceView
from kronos.live import Change, News, ResourceKind

_MOST_READ = 500
"""Objects of one workspace that are read at once."""
_RESOURCES: tuple[ResourceKind, ...] = get_args(ResourceKind)
_PROGRESS_SECONDS = 1.0
"""How often it is told how far an operation is. That it began or is over is told at once."""
_MOST_BUFFERED = 1000
"""Events that one listener has not taken yet. It gets no more then, and is asked to come again."""


@dataclass(slots=True)
class PendingChanges:
    """What has changed and was not read yet."""

    executions: dict[UUID, set[Change]] = field(default_factory=dict)
    jobs: dict[UUID, set[Change]] = field(default_factory=dict)
    heartbeats: dict[UUID, set[Change]] = field(default_factory=dict)
    resources: dict[tuple[ResourceKind, UUID], set[Change]] = field(default_factory=dict)
    operations: dict[UUID, set[Change]] = field(default_factory=dict)
    is_audited: bool = False
    _told_at: float = -math.inf
    """When it was last told how far operations are. All are told at once, or of several there would always be one that
    was not yet, and no place at which all that has changed was told."""
    _turn: set[UUID] = field(default_factory=set)
    """Those of them that were too many to be read at once, and are told next."""

    def __len__(self) -> int:
        named = len(self.executions) + len(self.jobs) + len(self.heartbeats) + len(self.resources)
        return named + len(self.operations) + self.is_audited

    def rest(self) -> float:
        """How many seconds from now there is something to be read: 0 or less where there is already, infinity where
        nothing has changed."""
        if len(self) > len(self.operations):
            return 0.0
        if not self.operations:
            return math.inf
        if self._turn & self.operations.keys() or not all(map(_is_progress, self.operations.values())):
            return 0.0
        return self._told_at + _PROGRESS_SECONDS - time.monotonic()

    def add(self, news: News) -> None:
        """What was noted."""
        if news.object is None or news.change is None or news.ids is None:
            return
        self.is_audited = self.is_audited or news.object == "audit"
        for each in news.ids:
            if news.object == "execution":
                self.executions.setdefault(each, set()).add(news.change)
            elif news.object == "job":
                self.jobs.setdefault(each, set()).add(news.change)
            elif news.object == "heartbeat":
                self.heartbeats.setdefault(each, set()).add(news.change)
            elif news.object == "operation":
                self.operations.setdefault(each, set()).add(news.change)
            elif news.object in _RESOURCES:  # else of a later release, while this one's processes are replaced
                self.resources.setdefault((news.object, each), set()).add(news.change)

    def clear(self) -> None:
        """It is not reported one by one."""
        self.executions.clear()
        self.jobs.clear()
        self.heartbeats.clear()
        self.resources.clear()
        self.operations.clear()
        self.is_audited = False

    async def read(self, view: WorkspaceView) -> list[Event]:
        """The events of the first of them: what there is little of first, or executions without end would keep it
        waiting: what people configure and begin, heartbeats, jobs. What was read is pending no more. Raises
        KronosError, and then all of it is."""
        is_audited, operations = self.is_audited, self._due()
        resources = dict(islice(self.resources.items(), _MOST_READ - len(operations)))
        beats = dict(islice(self.heartbeats.items(), _MOST_READ - len(operations) - len(resources)))
        jobs = dict(islice(self.jobs.items(), _MOST_READ - len(operations) - len(resources) - len(beats)))
        left = _MOST_READ - len(operations) - len(resources) - len(beats) - len(jobs)
        executions = dict(islice(self.executions.items(), left))
        events = of_jobs(await live.jobs(view, list(jobs)), jobs)
        events += of_executions(await live.executions(view, list(executions)), executions)
        events += of_heartbeats(await live.heartbeats(view, list(beats)), beats)
        events += of_resources(await live.resources(view, list(resources)), resources)
        events += of_operations(await live.operations(view, list(operations)), operations)
        if is_audited:
            events += of_audit(await live.audited(view))
            self.is_audited = False
        for named in resources:
            del self.resources[named]
        for each in beats:
            del self.heartbeats[each]
        for each in jobs:
            del self.jobs[each]
        for each in executions:
            del self.executions[each]
        for each in operations:
            del self.operations[each]
        return events

    def _due(self) -> dict[UUID, set[Change]]:
        """The operations that may be told of now, as many as are read at once: those that began or ended first."""
        now = time.monotonic()
        at_once = {each: changes for each, changes in self.operations.items() if not _is_progress(changes)}
        if len(at_once) < len(self.operations) and now >= self._told_at + _PROGRESS_SECONDS:
            self._told_at = now
            self._turn = self.operations.keys() - at_once.keys()
        due = at_once | {each: changes for each, changes in self.operations.items() if each in self._turn}
        taken = dict(islice(due.items(), _MOST_READ))
        self._turn -= taken.keys()
        return taken


def _is_progress(changes: set[Change]) -> bool:
    """Whether an operation has only come further."""
    return changes == {"changed"}


class Source(Protocol):
    """What a subscription is of."""

    async def begin(self, subscription: "Subscription") -> None:
        """Wait until what changes is noted, and what has changed since its place is known. Raises KronosError."""

    def leave(self, subscription: "Subscription") -> None:
        """Forget it."""


class Subscription(AsyncIterator[Event]):
    """What one listener gets. It is over when its workspace is deleted, the process ends, it does not keep up (after a
    reset), or it is closed."""

    def __init__(
        self, hub: "Source", workspace_id: UUID, wanted: Filter, after: EventPlace | None, caller: UUID | None
    ) -> None:
        self.workspace_id = workspace_id
        self.caller = caller
        self.after = after
        """Where it goes on from, until what has changed since then is known."""
        self.backlog = PendingChanges()
        """What has changed between its place and its beginning."""
        self.place: str | None = None
        """Up to where everything that there was has come; None: the listener's own is still right."""
        self.why: str | None = None
        """Why there will be no more."""
        self._hub = hub
        self._wanted = wanted
        self._events: list[Event] = []
        self._arrived = asyncio.Event()
        self._has_begun = False

    async def begin(self) -> None:
        """Wait until what changes from here on is noted. Raises KronosError."""
        if not self._has_begun:
            self._has_begun = True
            await self._hub.begin(self)

    async def take(self, seconds: float | None = None) -> list[Event]:
        """What has come, at the least one event; none: nothing came for so long, or it is over (`why`)."""
        await self.begin()
        if not self._events and self.why is None:
            self._arrived.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        taken, self._events = self._events, []
        return taken

    def put(self, events: list[Event], place: str | None) -> None:
        """The hub's: what has changed, and where that leads to."""
        wanted = [each for each in events if self._wanted.has(each)]
        if len(self._events) + len(wanted) > _MOST_BUFFERED:
            self._events = [reset("too_slow")]
            self.place = None
            self.end("too_slow")
            return
        if place is not None and self.after is None and not self.backlog:
            self.place = place
            if wanted:
                wanted[-1] = wanted[-1].at(place)
        self._events += wanted
        if wanted:
            self._arrived.set()

    def end(self, why: str) -> None:
        """There will be no more, but for what has come already."""
        if self.why is None:
            self.why = why
            self._hub.leave(self)
        self._arrived.set()

    async def __aenter__(self) -> Self:
        try:
            await self.begin()
        except BaseException:
            self.end("failed")
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end("closed")

    async def __anext__(self) -> Event:
        taken = await self.take()
        if not taken:
            raise StopAsyncIteration
        first, *rest = taken
        self._events = rest + self._events
        return first
