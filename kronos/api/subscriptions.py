"""One listener: its pending changes, and the events that it has not taken yet."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import field
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
from kronos.records import dataclass

_MOST_READ = 500
"""Maximum objects of one workspace that are read at a time."""
_RESOURCES: tuple[ResourceKind, ...] = get_args(ResourceKind)
_PROGRESS_SECONDS = 1.0
"""How often an operation's progress is reported. Its start and end are reported immediately."""
_MOST_BUFFERED = 1000
"""Maximum events that one listener has not taken yet. Beyond this its stream ends, and it has to reconnect."""


@dataclass(slots=True)
class PendingChanges:
    """Changes that are not read yet."""

    executions: dict[UUID, set[Change]] = field(default_factory=dict)
    jobs: dict[UUID, set[Change]] = field(default_factory=dict)
    heartbeats: dict[UUID, set[Change]] = field(default_factory=dict)
    resources: dict[tuple[ResourceKind, UUID], set[Change]] = field(default_factory=dict)
    operations: dict[UUID, set[Change]] = field(default_factory=dict)
    is_audited: bool = False
    _told_at: float = -math.inf
    """When progress was last reported. All operations are reported together. Otherwise, with several operations, one
    would always be pending, and there would never be a place at which all changes were reported."""
    _turn: set[UUID] = field(default_factory=set)
    """Operations that did not fit into one read, and are reported next."""

    def __len__(self) -> int:
        named = len(self.executions) + len(self.jobs) + len(self.heartbeats) + len(self.resources)
        return named + len(self.operations) + self.is_audited

    def rest(self) -> float:
        """Return the seconds until there is something to read: 0 or less if there is already, infinity if nothing has
        changed."""
        if len(self) > len(self.operations):
            return 0.0
        if not self.operations:
            return math.inf
        if self._turn & self.operations.keys() or not all(map(_is_progress, self.operations.values())):
            return 0.0
        return self._told_at + _PROGRESS_SECONDS - time.monotonic()

    def add(self, news: News) -> None:
        """Add a noted change."""
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
            elif news.object in _RESOURCES:  # otherwise from a later release, during an upgrade
                self.resources.setdefault((news.object, each), set()).add(news.change)

    def clear(self) -> None:
        """Drop all changes: they are not reported one by one."""
        self.executions.clear()
        self.jobs.clear()
        self.heartbeats.clear()
        self.resources.clear()
        self.operations.clear()
        self.is_audited = False

    async def read(self, view: WorkspaceView) -> list[Event]:
        """Read the first pending changes and return their events. Rare kinds come first (operations, resources,
        heartbeats, jobs), or endless executions would keep them waiting. What was read is no longer pending. Raises
        KronosError, and then everything is still pending."""
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
        """Return the operations to report now, as many as one read allows: those that began or ended first."""
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
    """Return whether an operation has only progressed."""
    return changes == {"changed"}


class Source(Protocol):
    """The source of a subscription's events."""

    async def begin(self, subscription: "Subscription") -> None:
        """Wait until changes are being noted, and the changes since its place are known. Raises KronosError."""

    def leave(self, subscription: "Subscription") -> None:
        """Remove the subscription."""


class Subscription(AsyncIterator[Event]):
    """The events of one listener. It ends when its workspace is deleted, the process ends, the listener reads too
    slowly (after a reset), or it is closed."""

    def __init__(
        self, hub: "Source", workspace_id: UUID, wanted: Filter, after: EventPlace | None, caller: UUID | None
    ) -> None:
        self.workspace_id = workspace_id
        self.caller = caller
        self.after = after
        """Where it continues from, until the changes since then are known."""
        self.backlog = PendingChanges()
        """The changes between its place and its start."""
        self.place: str | None = None
        """The place up to which all events have arrived. None: the listener's own place is still valid."""
        self.why: str | None = None
        """Why the subscription ended."""
        self._hub = hub
        self._wanted = wanted
        self._events: list[Event] = []
        self._arrived = asyncio.Event()
        self._has_begun = False

    async def begin(self) -> None:
        """Wait until changes are noted from here on. Raises KronosError."""
        if not self._has_begun:
            self._has_begun = True
            await self._hub.begin(self)

    async def take(self, seconds: float | None = None) -> list[Event]:
        """Return the events that have arrived, at least one. None: the time is over, or the subscription ended
        (`why`)."""
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
        """Called by the hub with new events, and the place after them."""
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
        """End the subscription. Events that have already arrived can still be taken."""
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
