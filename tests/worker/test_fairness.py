"""No workspace takes all of a worker's slots: how many are reserved for others, and that the others get them while its
requests hang."""

import asyncio
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.servers import Receiver, Talk, answer
from factory import add_endpoint, add_executions, add_workspace, is_idle
from kronos.worker.link import Link
from kronos.worker.rotation import Rotation
from kronos.worker.shares import UNKNOWN, Shares
from kronos.worker.wake import Wake
from worker.running import Worker, until
from worker.test_looks import _loop


@pytest.mark.parametrize("concurrency", [1, 2, 9, 10, 11, 100, 101, 5000])
def test_a_workspace_alone_has_all_of_the_concurrency_and_a_tenth_more_is_kept(concurrency: int) -> None:
    shares = Shares(concurrency)
    assert shares.share_out(["a"], shares.slots) == [concurrency]
    shares.began(["a"] * concurrency)
    free = shares.slots - shares.under_way
    assert concurrency / 10 <= free <= concurrency / 10 + 1
    assert not shares.has_room("a", free)
    assert not shares.has_room(UNKNOWN, free), "it may be the same workspace"
    assert shares.has_room("b", free)
    shares.ended("a")
    assert shares.share_out(["a"], free + 1) == [1]


@given(concurrency=st.integers(1, 400), held=st.integers(0, 400), more=st.integers(1, 400))
def test_who_asks_for_so_many_is_given_them_of_the_room_for_them(concurrency: int, held: int, more: int) -> None:
    """One workspace on its own, as claims of half of the slots request it: the requested number, or what it may still
    have."""
    shares, held = Shares(concurrency), min(held, concurrency)
    shares.began(["a"] * held)
    free = shares.slots - shares.under_way
    (whole,), (part,) = (shares.share_out(["a"], room) for room in (free, min(free, shares.room_for(more))))
    assert part == min(more, whole) == min(more, concurrency - held)


def test_workspaces_that_hang_one_after_another_leave_something_each_time() -> None:
    shares, taken = Shares(100), []
    for workspace_id in ["a", "b", "c", *map(str, range(102))]:
        (quota,) = shares.share_out([workspace_id], shares.slots - shares.under_way)
        shares.began([workspace_id] * quota)
        taken.append(quota)
    assert taken == [100, 9, 1, *[1] * 100, 0, 0], "once all slots are taken, one each as a guest"
    for guest in range(100):
        shares.ended(str(guest))
    for _ in range(50):
        shares.ended("a")
    assert shares.share_out(["a", "b", "c", "d"], 50) == [0, 11, 18, 19], "up to the same level, and 2 stay free"


@given(
    concurrency=st.integers(1, 120),
    steps=st.lists(st.tuples(st.sets(st.integers(0, 11), min_size=1), st.lists(st.integers(0, 11))), max_size=12),
)
def test_shares_are_bounded_and_leave_nobody_out(concurrency: int, steps: list[tuple[set[int], list[int]]]) -> None:
    """Some workspaces come and take their shares, some deliveries end, and so on."""
    shares, held = Shares(concurrency), Counter[str]()
    for come, ends in steps:
        free = shares.slots - shares.under_way
        sharing = [one for one in map(str, come) if shares.has_room(one, free)]  # as Rotation.next asks
        quotas = dict(zip(sharing, shares.share_out(sharing, free), strict=True)) if sharing else {}
        left = free - sum(quotas.values())
        assert left >= -shares.guests
        assert all(quota >= 0 for quota in quotas.values())
        assert any(quotas.values()) == bool(sharing), "otherwise the worker would spin"
        assert all(one in sharing or held[one] or left == -shares.guests for one in map(str, come))
        for one, quota in quotas.items():
            if held[one] == 0 and quota == 0:
                assert left == -shares.guests, "a workspace gets nothing only when nothing is left"
            if held[one] + quota > 1 and quota:
                assert held[one] + quota <= (left + 1) * concurrency / shares.reserve
        filled = [held[one] + quota for one, quota in quotas.items() if quota]
        assert all(quota or held[one] >= max(filled, default=1) - 1 for one, quota in quotas.items() if left > 0)
        for one, quota in quotas.items():
            held[one] += quota
            shares.began([one] * quota)
        for one in map(str, ends):
            if held[one]:
                held[one] -= 1
                shares.ended(one)
        assert {one: shares.of(one) for one in held} == held
        assert shares.under_way == held.total() <= shares.slots + shares.guests


def test_the_endpoints_of_a_full_workspace_wait_and_keep_their_turns() -> None:
    shares = Shares(10)
    rotation = Rotation(shares)
    rotation.offer({"a1": "a", "a2": "a"})
    assert [(one.endpoint_id, one.quota) for one in rotation.next(11)] == [("a1", 5), ("a2", 5)]
    shares.began(["a"] * 10)
    assert (bool(rotation), rotation.has_turn(1), rotation.next(1)) == (True, False, [])
    rotation.offer_first(["new"])
    assert not rotation.has_turn(1), "its workspace is unknown"
    rotation.offer({"a1": "a", "a2": "a", "new": "b"})
    assert [(one.endpoint_id, one.quota) for one in rotation.next(1)] == [("new", 1)]
    rotation.failed(rotation.next(1))
    shares.ended("a")
    assert [one.endpoint_id for one in rotation.next(2)] == ["a1"]


def test_whose_an_endpoint_is_is_known_of_those_claimed_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronos.worker.rotation._MOST_KNOWN", 2)
    shares = Shares(10)
    rotation = Rotation(shares)
    for one in ("first", "second", "third"):
        rotation._know(one, "of " + one)
    shares.began(["a"] * 10)
    rotation.offer_first(["first", "second", "third"])
    assert [one.endpoint_id for one in rotation.next(1)] == ["third", "second"], "one of them as a guest"
    assert len(rotation._known) == 2


async def test_a_worker_that_is_stuck_waits_and_does_not_turn(link: Link) -> None:
    """If no workspace in turn may have the free slots, it goes round once for each delivery that ends."""
    wake = Wake(poll_seconds=60)
    loop, turns = _loop(link, wake, concurrency=100), 0
    wait = wake.wait

    async def counted(**arguments: object) -> None:
        nonlocal turns
        turns += 1
        await wait(**arguments)  # type: ignore[arg-type] # as it was called

    wake.wait = counted  # type: ignore[method-assign] # counts
    wake.looked(0.0, None)
    loop._shares.began(["a"] * 100)
    loop._held, loop._has_room = 100, False
    loop._rotation.offer({str(uuid4()): "a"})
    loop._slot_freed()
    assert loop._room_timer is not None, "it was full for long enough after this"
    loop._make_room()
    assert loop._is_stuck
    running = asyncio.create_task(loop.run())
    for _ in range(200):
        await asyncio.sleep(0)
    assert (turns, loop._is_withheld) == (1, True)
    loop._shares.ended("a")
    loop._slot_freed()
    assert loop._room_timer.when() - asyncio.get_running_loop().time() <= 0.003
    loop.stop()
    await running


_LONG = 300_000  # ms: none ends while the test lasts


class _Hanging:
    """A receiver that answers when it is released, and counts the open requests."""

    def __init__(self) -> None:
        self.open = self.ended = 0
        self.released = asyncio.Event()

    async def __call__(self, talk: Talk) -> None:
        self.open += 1
        try:
            await self.released.wait()
        finally:
            self.open -= 1
            self.ended += 1
        await answer()(talk)


async def test_a_tenant_with_500_hanging_requests_delays_nobody(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    """With a concurrency of 100, one workspace's requests hang, on two endpoints, and then another's. A third one's are
    delivered while all that were sent are open. When they are answered, all the others are delivered too."""
    first, second = _Hanging(), _Hanging()
    async with (
        Receiver(first, keep=True) as hanging,
        Receiver(second, keep=True) as hanging_too,
        Receiver(answer(), keep=True) as quick,
    ):
        workspace_id = add_workspace(superuser)
        endpoint = add_endpoint(superuser, workspace_id, url=hanging.url, timeout_ms=_LONG)
        add_executions(superuser, endpoint, 480, has_jobs=False)
        start(poll_seconds=60, worker_concurrency=100)
        await until(lambda: first.open == 100, "as many requests as one workspace may have")
        add_executions(
            superuser, add_endpoint(superuser, workspace_id, url=hanging.url, timeout_ms=_LONG), 20, is_told=True
        )
        other = add_endpoint(superuser, url=quick.url)
        add_executions(superuser, other, 1, is_told=True)
        await until(lambda: len(quick.requests) == 1, "the other's delivery")
        assert (first.open, first.ended) == (100, 0)

        add_executions(superuser, add_endpoint(superuser, url=hanging_too.url, timeout_ms=_LONG), 500, is_told=True)
        await until(lambda: second.open >= 9, "as many requests as the next one may have")
        add_executions(superuser, add_endpoint(superuser, url=quick.url), 30, is_told=True)
        await until(lambda: len(quick.requests) == 31, "a third one's deliveries")
        assert (first.open, second.open, first.ended + second.ended) == (100, 9, 0)

        for open_then in (10, 11):
            add_executions(superuser, add_endpoint(superuser, url=hanging_too.url, timeout_ms=_LONG), 5, is_told=True)
            await until(lambda: second.open == open_then, "one more that hangs")  # noqa: B023 - awaited here
        add_executions(superuser, add_endpoint(superuser, url=quick.url), 3, is_told=True)
        await until(lambda: len(quick.requests) == 34, "deliveries of another, though all slots are taken")
        assert (first.open, second.open, first.ended + second.ended) == (100, 11, 0)

        for one in (first, second):
            one.released.set()
        await until(lambda: is_idle(superuser), "the end")
    assert (len(hanging.requests), len(hanging_too.requests), len(quick.requests)) == (500, 510, 34)
