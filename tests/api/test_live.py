"""One reader serves all listeners of a process: how many statements it sends, however many listen, and that it leaves
nothing behind.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any

import psycopg
import pytest

from depth import depth
from factory import EndpointRow, add_endpoint, add_executions
from kronos import errors, live
from kronos.api import events as route
from kronos.api import live as hubs
from kronos.api import subscriptions
from kronos.api.events import EventStream
from kronos.api.live import Hub, ListenerBounds, place, subscribe
from kronos.api.live_events import Event, ExecutionEvent, Filter, ResetEvent, ResourceEvent
from kronos.database import WorkspaceView
from kronos.pool import Pool
from sql_factory import Connection, value


@pytest.fixture
async def hub(pool: Pool) -> AsyncIterator[Hub]:
    made = Hub(pool, ListenerBounds(in_all=5000, of_workspace=5000, of_caller=5000))
    yield made
    await made.close()


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    return add_endpoint(superuser)


async def _until_reset(events: subscriptions.Subscription) -> list[Event]:
    heard: list[Event] = []
    async for each in events:
        heard.append(each)
        if each.type == "reset":
            break
    return heard


async def _of(events: subscriptions.Subscription, ids: list[uuid.UUID]) -> None:
    """Wait until the subscription has delivered an event of each of these executions."""
    missing = set(ids)
    while missing:
        for each in await events.take(60):
            if isinstance(each.data, ExecutionEvent):
                missing.discard(each.data.execution_id)


async def test_a_hundred_listeners_ask_as_one_does_and_none_asks_nothing(
    hub: Hub, pool: Pool, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("read", "watch", "begin", "jobs", "executions"):
        real = getattr(live, name)

        def counting(*given: Any, _name: str = name, _real: Callable[..., Any] = real, **more: Any) -> Any:
            if _name in ("read", "watch", "begin") or given[1]:  # otherwise it sends no statement
                asked.append(_name)
            return _real(*given, **more)

        monkeypatch.setattr(live, name, counting)
    monkeypatch.setattr(hubs, "EVERY_SECONDS", 3600.0)  # the test itself calls look
    look, looking = hub.look, asyncio.Lock()

    async def alone() -> None:
        async with looking:
            await look()

    monkeypatch.setattr(hub, "look", alone)
    counts = []
    listeners: list[subscriptions.Subscription] = []
    for many in (1, 100):
        while len(listeners) < many:
            listeners.append(subscribe(hub, endpoint.workspace_id, Filter(types=frozenset({"execution"}))))
            await listeners[-1].begin()
        async with looking:  # wait for the hub's own first look, during which listeners may already begin
            asked.clear()
        for _ in range(3):
            add_executions(superuser, endpoint, 4)
            await hub.look()
        counts.append(sorted(asked))
    assert counts[0] == counts[1] == sorted(["read", "jobs", "executions"] * 3)
    assert [len(await each.take()) for each in listeners] == [24] + [12] * 99
    for each in listeners:
        each.end("closed")


async def test_what_is_committed_is_heard_with_the_first_look_that_begins_after_it(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that is in progress may have read before the commit, but the next one must not miss it. So a change
    reaches its listeners after at most two intervals plus the looks themselves. The order of events proves it, on any
    machine.
    """
    assert hubs._BUSY_SECONDS <= hubs.EVERY_SECONDS <= 0.25
    begun, begins = 0, asyncio.Event()
    real = hub.look

    async def look() -> None:
        nonlocal begun
        begun += 1
        begins.set()
        await real()

    monkeypatch.setattr(hub, "look", look)
    async with subscribe(hub, endpoint.workspace_id) as events:
        for turn in range(depth(10, deep=100)):
            if turn % 2:
                begins.clear()
                await begins.wait()  # so that the commit falls within a look
            (wanted,) = add_executions(superuser, endpoint, 1)
            committed = begun
            heard: set[uuid.UUID] = set()
            while wanted not in heard:
                for each in await events.take(60):
                    if isinstance(each.data, ExecutionEvent):
                        heard.add(each.data.execution_id)
            assert begun - committed <= 1


async def test_what_is_read_first_and_listened_to_then_has_no_gap(
    hub: Hub, endpoint: EndpointRow, superuser: Connection
) -> None:
    before = await place(hub, endpoint.workspace_id)
    ids = add_executions(superuser, endpoint, 3)
    async with subscribe(hub, endpoint.workspace_id, after=before) as events:
        await _of(events, ids)


async def test_who_begins_while_something_older_is_under_way_is_asked_to_read_again_once_it_is_over(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "_BEGINNING_SECONDS", 0.1)
    with psycopg.connect(database_url) as older:
        add_executions(older, endpoint, 1)  # before the first listener: not noted
        async with subscribe(hub, endpoint.workspace_id) as events:
            assert events.place is None
            await hub.look()  # from now on the workspace is watched, however slow the first look was
            await _of(events, add_executions(superuser, endpoint, 1))  # events of other transactions still arrive
            older.commit()
            assert ResetEvent(reason="missed") in [each.data for each in await _until_reset(events)]
            await _of(events, add_executions(superuser, endpoint, 1))


async def test_more_than_can_be_reported_one_by_one_is_a_reset_and_then_it_goes_on(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "_MOST_PENDING", 20)
    async with subscribe(hub, endpoint.workspace_id) as events:
        add_executions(superuser, endpoint, 60)
        (*_, last) = await _until_reset(events)
        assert last.data == ResetEvent(reason="too_many")
        ids = add_executions(superuser, endpoint, 5)
        await _of(events, ids)


async def test_what_there_is_little_of_does_not_wait_for_executions_without_end(
    pool: Pool, endpoint: EndpointRow
) -> None:
    pending = subscriptions.PendingChanges()
    pending.executions = {uuid.uuid4(): {"changed"} for _ in range(700)}
    pending.resources["endpoint", endpoint.endpoint_id] = {"changed"}
    (event,) = await pending.read(WorkspaceView(pool, str(endpoint.workspace_id)))
    assert isinstance(event.data, ResourceEvent)
    assert (event.data.kind, event.data.id, event.data.changes) == ("endpoint", endpoint.endpoint_id, ("changed",))
    assert (len(pending.executions), len(pending)) == (201, 201)


async def test_a_listener_that_takes_nothing_is_ended_and_keeps_no_more_than_its_bound(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_MOST_BUFFERED", 30)
    async with subscribe(hub, endpoint.workspace_id) as slow, subscribe(hub, endpoint.workspace_id) as quick:
        for _ in range(4):
            await _of(quick, add_executions(superuser, endpoint, 10))
        assert slow.why == "too_slow"
        assert [each.data for each in await slow.take()] == [ResetEvent(reason="too_slow")]
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        assert (await subscriptions_end(slow)).place is None


async def subscriptions_end(events: subscriptions.Subscription) -> subscriptions.Subscription:
    events.end("closed")
    return events


async def test_a_thousand_listeners_that_came_and_went_leave_nothing(
    hub: Hub, endpoint: EndpointRow, superuser: Connection
) -> None:
    """Served as the server serves them: half leave by themselves, half are ended by the server."""
    async with subscribe(hub, endpoint.workspace_id):
        before = len(asyncio.all_tasks())
        for number in range(depth(100, deep=1000)):
            await _served(hub, endpoint.workspace_id, goes_itself=bool(number % 2))
        assert len(asyncio.all_tasks()) == before
        (watched,) = hub.watched
        assert len(watched.listeners) == 1
    assert not hub.watched[0].listeners
    sessions = "select count(*) from pg_stat_activity where application_name = 'kronos-api' and state like 'idle in%'"
    assert value(superuser, sessions) == 0


async def test_the_reader_ends_quietly_once_nobody_has_listened_for_a_while_and_begins_anew(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with subscribe(hub, endpoint.workspace_id):
        first = hub._task
    assert first is not None
    monkeypatch.setattr(hubs, "_LINGER_SECONDS", 0.0)
    await asyncio.wait_for(first, 60)  # raises what ended it
    assert (list(hub.watched), hub._snapshot) == ([], None)
    async with subscribe(hub, endpoint.workspace_id, Filter(types=frozenset({"execution"}))) as again:
        assert hub._task is not first
        await again.begin()
        await _of(again, add_executions(superuser, endpoint, 1))


async def _served(hub: Hub, workspace_id: uuid.UUID, *, goes_itself: bool) -> None:
    sent: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    gone, ends = asyncio.Event(), list[Callable[[], None]]()

    async def receive() -> MutableMapping[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def remains() -> None:
        pass

    events = subscribe(hub, workspace_id, caller=uuid.uuid4())
    await events.begin()
    stream = EventStream(events, remains, is_head=False)
    serving = asyncio.create_task(stream({"type": "http", "kronos.at_end": ends}, receive, sent.put))
    assert (await sent.get())["type"] == "http.response.start"
    assert b"retry:" in (await sent.get())["body"]
    if goes_itself:
        gone.set()
    else:
        for end in ends:
            end()
    await serving
    assert ends == []


async def test_silence_has_a_comment_and_says_where_the_listener_is(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "_HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(route, "_CHECKED_SECONDS", 0.01)
    written: list[bytes] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        written.append(message.get("body", b""))

    async def remains() -> None:
        if sum(b": heartbeat\n\nid: " in each for each in written) >= 2:
            raise errors.Unauthorized("it was revoked")

    never = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        await never.wait()
        return {"type": "http.disconnect"}

    events = subscribe(hub, endpoint.workspace_id, Filter(job="another"))
    await events.begin()
    writing = asyncio.create_task(EventStream(events, remains, is_head=False)({"type": "http"}, receive, send))
    while not writing.done():  # its place advances with events that its filter drops
        add_executions(superuser, endpoint, 1)
        await asyncio.wait({writing}, timeout=0.3)
    await writing
    assert written[-2:] == [b": unauthorized\n\n", b""]
    assert not [each for each in written if b"data:" in each]


async def test_only_so_many_may_listen(pool: Pool, endpoint: EndpointRow) -> None:
    hub, caller = Hub(pool, ListenerBounds(in_all=3, of_workspace=2, of_caller=1)), uuid.uuid4()
    first = subscribe(hub, endpoint.workspace_id, caller=caller)
    with pytest.raises(errors.RateLimited, match="with this key or session"):
        subscribe(hub, uuid.uuid4(), caller=caller)
    subscribe(hub, endpoint.workspace_id)
    with pytest.raises(errors.RateLimited, match="to this workspace"):
        subscribe(hub, endpoint.workspace_id)
    first.end("closed")
    subscribe(hub, endpoint.workspace_id, caller=caller)
    subscribe(hub, uuid.uuid4())
    with pytest.raises(errors.RateLimited, match="to this process"):
        subscribe(hub, uuid.uuid4())
    await hub.close()
