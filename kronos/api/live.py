"""What changes, for those who listen: one reader for all listeners of a process, and what each of them gets.

    hub = Hub(pool, ListenerBounds.of(settings))                 # one a process, in Context.live
    async with subscribe(hub, workspace_id, Filter(job="nightly"), after=None) as events:
        async for event in events:                       # job, execution, or reset: read the lists again
            ...

While anybody listens the hub asks PostgreSQL four times a second what has changed in all workspaces with listeners, in
one statement, and then once a workspace for what of it is how now. It holds no connection and no transaction between.
Each event says how a job or an execution is, so what happened in between may be missing; what was committed last never
is. Events of one object come in the order of its states (decision 0083).
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
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

_log = Log("kronos.api")
EVERY_SECONDS = 0.25
"""How often is asked what has changed: what is committed is with its listeners 0.3 s later at the latest."""
_RENEWED_SECONDS = 60.0
"""How often a workspace is said to be watched still."""
_LINGER_SECONDS = 30.0
"""How long it is after its last listener has gone: a page that is left for another begins where it was."""
_BEGINNING_SECONDS = 2.0
"""How long a new listener waits for what began before it and is not over yet; then it is asked to read again later."""
_BUSY_SECONDS = 0.05
"""The same while one begins, or more has changed than is read at once."""
_RETRY_SECONDS = 10
_MOST_PENDING = 5000
"""Objects of a workspace that have changed and were not read yet. Of more, its listeners are asked to read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerBounds:
    """How many may listen at once: in one process, to one workspace, and with one key or session."""

    in_all: int = 500
    of_workspace: int = 200
    of_caller: int = 50

    @classmethod
    def of(cls, settings: Settings) -> "ListenerBounds":
        """As the settings say."""
        return cls(
            in_all=settings.event_streams,
            of_workspace=settings.event_streams_per_workspace,
            of_caller=settings.event_streams_per_key,
        )


@dataclass(slots=True, eq=False)
class _Watched:
    """One workspace with listeners. Times are the event loop's."""

    workspace_id: UUID
    left_at: float
    """When it last had a listener."""
    said_at: float = -math.inf
    """When it was last said to be watched."""
    listeners: set[Subscription] = field(default_factory=set)
    pending: PendingChanges = field(default_factory=PendingChanges)
    is_reset_due: ResetReason | None = None
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether all that changes is known: so it is as soon as nothing is under way that began before it was watched."""

    def is_not_whole(self) -> None:
        """Something is missing: listeners hear of it as soon as nothing is any more."""
        if self.whole.is_set():
            self.whole.clear()
            self.is_reset_due = "missed"

    def put(self, events: list[Event], place: str | None) -> None:
        """For all its listeners."""
        for each in list(self.listeners):
            each.put(events, place)


class Hub:
    """Who listens in this process. Its task runs while anybody does."""

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
        """Count a listener. Raises RateLimited."""
        bounds, caller, workspace_id = self._bounds, subscription.caller, subscription.workspace_id
        watched = self._watched.get(workspace_id)
        detail = None
        if self._listening >= bounds.in_all:
            detail = f"{bounds.in_all} clients listen to this process already"
        elif watched is not None and len(watched.listeners) >= bounds.of_workspace:
            detail = f"{bounds.of_workspace} clients listen to this workspace already"
        elif caller is not None and self._of_caller[caller] >= bounds.of_caller:
            detail = f"{bounds.of_caller} clients listen with this key or session already"
        if detail is not None:
            raise errors.RateLimited(f"{detail}: end one of them, or come again", retry_after_seconds=_RETRY_SECONDS)
        if watched is None:
            watched = self._watched[workspace_id] = _Watched(workspace_id, left_at=_now())
        watched.listeners.add(subscription)
        self._listening += 1
        if caller is not None:
            self._of_caller[caller] += 1
        if self._is_closed:
            subscription.end("closing")
        elif self._task is None or self._task.done():
            # of no request, though one begins it
            self._task = asyncio.create_task(self._run(), context=Context())

    def leave(self, subscription: Subscription) -> None:
        """Forget a listener."""
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
        """Until what changes is noted, and what has changed since the listener's place is known. Raises KronosError."""
        watched = self._watched.get(subscription.workspace_id)
        if watched is None or subscription.why is not None:
            return
        try:
            async with asyncio.timeout(_BEGINNING_SECONDS):
                await watched.whole.wait()
        except TimeoutError:  # something that began before is not over yet: it may have changed what nobody noted
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
        """The workspaces with listeners, or that had one lately."""
        return list(self._watched.values())

    async def close(self) -> None:
        """End all streams, and listen no more."""
        self.end_all("closing")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_all(self, why: str) -> None:
        """The process ends: nobody listens any more, and nobody may begin."""
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
                _log.debug("api.read_failed", "what changes cannot be asked for: %s", error)
            except Exception as error:  # of ours, which would end what all workspaces hear: it is logged
                _log.error("live.failed", "what changes cannot be reported: its listeners come again", traced=error)
                self._end_listeners("failed")
            rests = (each.pending.rest() if each.whole.is_set() else 0.0 for each in self._watched.values())
            await asyncio.sleep(max(_BUSY_SECONDS, min(EVERY_SECONDS, *rests)))
        self._snapshot = None

    async def look(self) -> None:
        """Ask what has changed, read it, and hand it out. Raises KronosError."""
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
            if not news.is_begun and watched.said_at != said_now:  # its watch has ended, or PostgreSQL has forgotten it
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
        """Where all that has changed has been handed out; None: it has not."""
        return None if watched.pending else self._place_of(watched)

    def _place_of(self, watched: _Watched) -> str | None:
        """Where nothing has to be known of that has changed before."""
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
    """The events of a workspace that this listener wants, from now on, or from its place on (`after`: the last event's
    `place`, or `place`). `caller`: whose key or session it is, of which so many may listen. To be used as a context
    manager, or `end`ed. Raises InvalidRequest, RateLimited."""
    place = None if after is None else place_of(after, workspace_id, pointer)
    subscription = Subscription(hub, workspace_id, wanted or Filter(), place, caller)
    hub.enter(subscription)
    return subscription


async def place(hub: Hub, workspace_id: UUID) -> str | None:
    """Where a workspace's events are now: what is read after this, and `subscribe` with it as `after`, have every
    change between them. None: something is under way that began before anybody listened; subscribe without. Raises
    RateLimited, KronosError."""
    async with subscribe(hub, workspace_id) as events:
        return events.place


def _is_too_much(rows: int, watched: _Watched) -> bool:
    """Whether some of its changes were cut off, or there are more than are reported one by one."""
    return rows > _MOST_PENDING or len(watched.pending) > _MOST_PENDING


def _now() -> float:
    return asyncio.get_running_loop().time()
