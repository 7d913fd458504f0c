"""Live changes for listeners: one reader per process for all of them.

    hub = Hub(pool, ListenerBounds.of(settings))                 # one per process, in Context.live
    async with subscribe(hub, workspace_id, Filter(job="nightly"), after=None) as events:
        async for event in events:                       # job, execution, or reset: read the lists again
            ...

While there are listeners, the hub queries PostgreSQL four times a second: one statement for the changes in all
workspaces with listeners, then one per workspace for the current state of what changed. It holds no connection and no
transaction in between. An event has an object's current state, so intermediate states may be missing; the last
committed state never is. Events of one object arrive in the order of its states (decision 0083).
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextvars import Context
from dataclasses import field
from uuid import UUID

from kronos import errors, live
from kronos.api.live_events import Event, Filter, ResetReason, reset
from kronos.api.places import EventPlace, place_of
from kronos.api.subscriptions import PendingChanges, Subscription
from kronos.config import Settings
from kronos.database import InstanceView, WorkspaceView
from kronos.lines import Log
from kronos.live import News
from kronos.pool import Pool
from kronos.records import dataclass

_log = Log("kronos.api")
EVERY_SECONDS = 0.25
"""How often changes are queried. A committed change reaches its listeners within 0.3 s."""
_RENEWED_SECONDS = 60.0
"""How often the watch of a workspace is renewed."""
_LINGER_SECONDS = 30.0
"""How long a workspace is still watched after its last listener left, so that the next page continues where it was."""
_BEGINNING_SECONDS = 2.0
"""How long a new listener waits for transactions that began before it. After that it is told to read again later."""
_BUSY_SECONDS = 0.05
"""Query interval while a listener starts, or while more has changed than is read at once."""
_RETRY_SECONDS = 10
_MOST_PENDING = 5000
"""Changed objects of a workspace that are not read yet. Beyond this, its listeners are told to read the lists again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerBounds:
    """How many listeners are allowed at the same time: per process, per workspace, and per key or session."""

    in_all: int = 500
    of_workspace: int = 200
    of_caller: int = 50

    @classmethod
    def of(cls, settings: Settings) -> "ListenerBounds":
        """Return the bounds in the settings."""
        return cls(
            in_all=settings.event_streams,
            of_workspace=settings.event_streams_per_workspace,
            of_caller=settings.event_streams_per_key,
        )


@dataclass(slots=True, eq=False)
class _Watched:
    """A workspace with listeners. Times are the event loop's."""

    workspace_id: UUID
    left_at: float
    """When its last listener left."""
    said_at: float = -math.inf
    """When its watch was last renewed."""
    listeners: set[Subscription] = field(default_factory=set)
    pending: PendingChanges = field(default_factory=PendingChanges)
    is_reset_due: ResetReason | None = None
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all changes are known: once no transaction is running that began before the watch."""

    def is_not_whole(self) -> None:
        """Note that changes may be missing. Listeners are told once nothing is missing any more."""
        if self.whole.is_set():
            self.whole.clear()
            self.is_reset_due = "missed"

    def put(self, events: list[Event], place: str | None) -> None:
        """Give the events to all listeners."""
        for each in list(self.listeners):
            each.put(events, place)


class Hub:
    """The listeners of this process. Its task runs while there are any."""

    def __init__(self, pool: Pool, bounds: ListenerBounds | None = None) -> None:
        self._pool = pool
        self._bounds = bounds or ListenerBounds()
        self._watched: dict[UUID, _Watched] = {}
        self._listening = 0
        self._of_caller: Counter[UUID] = Counter()
        self._snapshot: str | None = None
        self._generation: UUID | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def enter(self, subscription: Subscription) -> None:
        """Add a listener. Raises RateLimited."""
        bounds, caller, workspace_id = self._bounds, subscription.caller, subscription.workspace_id
        watched = self._watched.get(workspace_id)
        detail = None
        if self._listening >= bounds.in_all:
            detail = f"{bounds.in_all} clients are already listening to this process"
        elif watched is not None and len(watched.listeners) >= bounds.of_workspace:
            detail = f"{bounds.of_workspace} clients are already listening to this workspace"
        elif caller is not None and self._of_caller[caller] >= bounds.of_caller:
            detail = f"{bounds.of_caller} clients are already listening with this key or session"
        if detail is not None:
            raise errors.RateLimited(
                f"{detail}: close one of them, or try again later", retry_after_seconds=_RETRY_SECONDS
            )
        if watched is None:
            watched = self._watched[workspace_id] = _Watched(workspace_id, left_at=_now())
        watched.listeners.add(subscription)
        self._listening += 1
        if caller is not None:
            self._of_caller[caller] += 1
        if self._is_closed:
            subscription.end("closing")
        elif self._task is None or self._task.done():
            # its own context: it belongs to no request, although one starts it
            self._task = asyncio.create_task(self._run(), context=Context())

    def leave(self, subscription: Subscription) -> None:
        """Remove a listener."""
        watched = self._watched.get(subscription.workspace_id)
        if watched is None or subscription not in watched.listeners:
            return
        watched.listeners.discard(subscription)
        watched.left_at = _now()
        self._listening -= 1
        if (caller := subscription.caller) is not None:
            self._of_caller[caller] -= 1
            if not self._of_caller[caller]:
                del self._of_caller[caller]

    async def begin(self, subscription: Subscription) -> None:
        """Wait until changes are being noted, and the changes since the listener's place are known. Raises
        KronosError."""
        watched = self._watched.get(subscription.workspace_id)
        if watched is None or subscription.why is not None:
            return
        try:
            async with asyncio.timeout(_BEGINNING_SECONDS):
                await watched.whole.wait()
        except TimeoutError:  # an older transaction is still running: its changes may not be noted
            watched.is_reset_due = watched.is_reset_due or "missed"
        if (after := subscription.after) is None:
            subscription.place = self._place_of(watched)
            return
        if after.generation == self._generation:
            instance = InstanceView(self._pool)
            news = await live.read(instance, [after.workspace_id], after.snapshot, limit=_MOST_PENDING)
            for each in news:
                subscription.backlog.add(each)
            if all(each.is_whole for each in news) and len(subscription.backlog) <= _MOST_PENDING:
                subscription.after = None
                return
        subscription.after = None
        subscription.backlog.clear()
        subscription.put([reset("missed")], self._place(watched))

    @property
    def watched(self) -> Sequence[_Watched]:
        """Return the workspaces with listeners, and those whose last listener left recently."""
        return list(self._watched.values())

    async def close(self) -> None:
        """End all streams and stop."""
        self.end_all("closing")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_all(self, why: str) -> None:
        """End all streams, because the process ends, and start no new ones."""
        self._is_closed = True
        self._end_listeners(why)

    def _end_listeners(self, why: str) -> None:
        for watched in list(self._watched.values()):
            for each in list(watched.listeners):
                each.end(why)

    async def _run(self) -> None:
        while self._watched and not self._is_closed:
            try:
                await self.look()
            except errors.KronosError as error:
                _log.debug("api.read_failed", "changes cannot be queried: %s", error)
            except Exception as error:  # a bug of ours: logged, as it would silence all workspaces
                _log.error("live.failed", "changes cannot be reported; listeners have to reconnect", traced=error)
                self._end_listeners("failed")
            rests = (each.pending.rest() if each.whole.is_set() else 0.0 for each in self._watched.values())
            await asyncio.sleep(max(_BUSY_SECONDS, min([EVERY_SECONDS, *rests])))
        self._snapshot = None

    async def look(self) -> None:
        """Query the changes, read the changed objects, and hand out events. Raises KronosError."""
        instance, now = InstanceView(self._pool), _now()
        for watched in list(self._watched.values()):
            if not watched.listeners and now - watched.left_at >= _LINGER_SECONDS:
                del self._watched[watched.workspace_id]
            elif now - watched.said_at >= _RENEWED_SECONDS:
                await live.watch(instance, watched.workspace_id)
                watched.said_at = now
        if not self._watched:
            return
        news = await live.read(instance, self._watched, self._snapshot, limit=_MOST_PENDING)
        self._snapshot, self._generation = news[0].snapshot, news[0].generation
        for each in news:
            if each.workspace_id in self._watched:
                self._hear(self._watched[each.workspace_id], each, said_now=now)
        if any(not each.is_begun for each in news):
            await live.begin(instance)
        rows = Counter(each.workspace_id for each in news)
        for watched in list(self._watched.values()):
            if _is_too_much(rows[watched.workspace_id], watched):
                watched.pending.clear()
                watched.is_reset_due = watched.is_reset_due or "too_many"
            await self._hand_out(watched)

    def _hear(self, watched: _Watched, news: News, *, said_now: float) -> None:
        if not news.is_there:
            for each in list(watched.listeners):
                each.end("deleted")
        watched.pending.add(news)
        if news.is_whole:
            watched.whole.set()
        else:
            watched.is_not_whole()
            if not news.is_begun and watched.said_at != said_now:  # the watch expired, or PostgreSQL lost it
                watched.said_at = -math.inf

    async def _hand_out(self, watched: _Watched) -> None:
        view = WorkspaceView(self._pool, str(watched.workspace_id))
        try:
            events = await watched.pending.read(view)
            if watched.is_reset_due is not None and watched.whole.is_set():
                events.append(reset(watched.is_reset_due))
                watched.is_reset_due = None
            watched.put(events, self._place(watched))
            for each in [each for each in watched.listeners if each.backlog]:
                each.put(await each.backlog.read(view), self._place(watched))
        except errors.WorkspaceNotFound:
            for each in list(watched.listeners):
                each.end("deleted")

    def _place(self, watched: _Watched) -> str | None:
        """Return the place after all changes so far. None if some are not handed out yet."""
        return None if watched.pending else self._place_of(watched)

    def _place_of(self, watched: _Watched) -> str | None:
        """Return the place after which no earlier change has to be known."""
        if not watched.whole.is_set() or self._snapshot is None or self._generation is None:
            return None
        return str(EventPlace(workspace_id=watched.workspace_id, generation=self._generation, snapshot=self._snapshot))


def subscribe(
    hub: Hub,
    workspace_id: UUID,
    wanted: Filter | None = None,
    after: str | None = None,
    *,
    caller: UUID | None = None,
    pointer: str = "/Last-Event-ID",
) -> Subscription:
    """Subscribe to a workspace's events, from now on or from a place (`after`: the `place` of the last event, or from
    `place`). `caller`: the key or session that the listener counts for. Use it as a context manager, or `end` it.
    Raises InvalidRequest, RateLimited."""
    place = None if after is None else place_of(after, workspace_id, pointer)
    subscription = Subscription(hub, workspace_id, wanted or Filter(), place, caller)
    hub.enter(subscription)
    return subscription


async def place(hub: Hub, workspace_id: UUID) -> str | None:
    """Return the current place in a workspace's events. Reading after this call, and then subscribing with it as
    `after`, misses no change. None: a transaction from before the watch is still running; subscribe without a place.
    Raises RateLimited, KronosError."""
    async with subscribe(hub, workspace_id) as events:
        return events.place


def _is_too_much(rows: int, watched: _Watched) -> bool:
    """Return whether changes were cut off, or are too many to be reported one by one."""
    return rows > _MOST_PENDING or len(watched.pending) > _MOST_PENDING


def _now() -> float:
    return asyncio.get_running_loop().time()
