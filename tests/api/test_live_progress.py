"""The hub under load: an operation's progress is reported once a second, and a flood in one workspace affects only its
own listeners.
"""

import math
import time
import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from factory import EndpointRow, add_endpoint, add_executions
from kronos.api import live as hubs
from kronos.api import subscriptions
from kronos.api.live import Hub, subscribe
from kronos.api.live_events import Filter, OperationEvent, ResetEvent
from kronos.database import WorkspaceView
from kronos.live import Change
from kronos.pool import Pool
from sql_factory import Connection, values

_OPERATION = """
insert into kronos.operations (workspace_id, kind, asked, which, total, per_second)
values (%s, 'REDRIVE', '{"q": "hunter2"}', '{}', 900, 1) returning operation_id
"""


@pytest.fixture
async def hub(pool: Pool) -> AsyncIterator[Hub]:
    made = Hub(pool)
    yield made
    await made.close()


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    return add_endpoint(superuser)


@pytest.fixture
def operation_id(superuser: Connection, endpoint: EndpointRow) -> uuid.UUID:
    (made,) = values(superuser, _OPERATION, [endpoint.workspace_id])
    assert isinstance(made, uuid.UUID)
    return made


async def test_progress_is_told_at_once_then_once_a_second_and_the_end_at_once_again(
    pool: Pool, endpoint: EndpointRow, operation_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = time.monotonic()
    monkeypatch.setattr(subscriptions, "time", SimpleNamespace(monotonic=lambda: at))
    view, pending = WorkspaceView(pool, str(endpoint.workspace_id)), subscriptions.PendingChanges()

    async def told(change: Change, *, after: float) -> list[Change]:
        nonlocal at
        at += after
        pending.operations.setdefault(operation_id, set()).add(change)
        return [each for event in await pending.read(view) for each in event.data.changes]  # type: ignore[union-attr]

    assert pending.rest() == math.inf
    assert await told("created", after=0.0) == ["created"]
    assert await told("changed", after=0.25) == ["changed"]
    assert await told("changed", after=0.25) == []
    assert pending.rest() == pytest.approx(0.75)
    assert await told("changed", after=0.5) == []
    assert await told("changed", after=0.25) == ["changed"]
    assert await told("changed", after=0.5) == []
    assert await told("finished", after=0.0) == ["changed", "finished"]
    assert (len(pending), pending.rest()) == (0, math.inf)
    pending.executions[uuid.uuid4()] = {"changed"}
    assert pending.rest() == 0.0


async def test_of_several_that_go_on_there_comes_each_second_a_place_at_which_all_is_told(
    pool: Pool, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a listener that reconnects would receive everything since the operations began again, and after ten
    minutes a reset.
    """
    at = time.monotonic()
    monkeypatch.setattr(subscriptions, "time", SimpleNamespace(monotonic=lambda: at))
    view, pending = WorkspaceView(pool, str(endpoint.workspace_id)), subscriptions.PendingChanges()
    first, second, last = (uuid.UUID(str(*values(superuser, _OPERATION, [endpoint.workspace_id]))) for _ in range(3))

    async def told(*ids: uuid.UUID, change: Change = "changed") -> set[uuid.UUID]:
        for each in ids:
            pending.operations.setdefault(each, set()).add(change)
        events = [event.data for event in await pending.read(view)]
        return {each.operation_id for each in events if isinstance(each, OperationEvent)}

    assert await told(first) == {first}
    at += 0.5
    assert await told(second) == set()
    assert await told(last, change="created") == {last}, "a new operation is reported immediately and delays no other"
    assert len(pending) == 1
    assert pending.rest() == pytest.approx(0.5)
    for _ in range(3):
        at += 0.25
        assert await told(first, second) == set()
        at += 0.25
        assert await told(first, second) == {first, second}
        assert (len(pending), pending.rest()) == (0, math.inf)
        at += 0.5
        assert await told(first, second) == set()
    monkeypatch.setattr(subscriptions, "_MOST_READ", 1)
    at += 0.5
    assert await told(first, second) == {first}, "many operations take more than one look"
    assert pending.rest() == 0.0
    assert await told(first) == {second}, "and each gets one turn per second"
    assert pending.rest() == pytest.approx(1.0)
    assert await told(first, second) == set()


async def test_an_operation_says_how_far_it_is_and_not_what_it_is_over(
    hub: Hub, endpoint: EndpointRow, operation_id: uuid.UUID, superuser: Connection
) -> None:
    wanted = Filter(types=frozenset({"operation"}))
    async with subscribe(hub, endpoint.workspace_id, wanted) as events, subscribe(hub, endpoint.workspace_id) as others:
        superuser.execute("update kronos.operations set done = 7, failed = 2")
        event = await anext(events)
        assert isinstance(event.data, OperationEvent)
        assert (event.data.operation_id, event.data.kind, event.data.status) == (operation_id, "REDRIVE", "RUNNING")
        assert (event.data.done, event.data.failed, event.data.total, event.data.changes) == (7, 2, 900, ("changed",))
        assert b"hunter2" not in event.text
        superuser.execute(
            "update kronos.operations set status = 'CANCELLED', completed_at = now(),"
            ' status_reason = \'{"code": "cancelled"}\''
        )
        event = await anext(events)
        assert isinstance(event.data, OperationEvent)
        assert (event.data.status, event.data.reason, event.data.changes) == ("CANCELLED", "cancelled", ("finished",))
        add_executions(superuser, endpoint, 1)
        assert (await anext(others)).type in ("job", "execution"), "no progress without asking for it"


async def test_a_flood_of_one_workspace_is_a_reset_of_its_own_listeners_alone(
    hub: Hub, endpoint: EndpointRow, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "_MOST_PENDING", 50)
    calm = add_endpoint(superuser)
    wanted = Filter(types=frozenset({"execution"}))
    async with (
        subscribe(hub, endpoint.workspace_id, wanted) as flooded,
        subscribe(hub, calm.workspace_id, wanted) as others,
    ):
        with superuser.transaction():
            for _ in range(60):  # one row each
                add_executions(superuser, endpoint, 2)
            (execution_id,) = add_executions(superuser, calm, 1)
        assert (await anext(flooded)).data == ResetEvent(reason="too_many")
        heard = await anext(others)
        assert heard.type == "execution", heard.data
        (again,) = add_executions(superuser, calm, 1)
        while str(again).encode() not in heard.text:
            heard = await anext(others)
            assert heard.type == "execution", heard.data
        assert execution_id != again
