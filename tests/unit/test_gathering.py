"""Requests that wait at the same time are sent in one call, in order; a single request waits for no other."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos import gathering
from kronos.gathering import Gatherer, Request


class Calls:
    """Records what each call asks for. A call ends when the test sets its result."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.ends: list[asyncio.Future[None]] = []

    async def __call__(self, together: Sequence[str]) -> list[str]:
        self.asked.append(list(together))
        self.ends.append(asyncio.get_running_loop().create_future())
        await self.ends[-1]
        return [f"{each} made" for each in together]

    async def until(self, count: int) -> None:
        while len(self.asked) < count:  # noqa: ASYNC110 - every turn of the loop counts here
            await asyncio.sleep(0)


Scene = Callable[[Gatherer, Calls], Awaitable[None]]


def played(scene: Scene) -> Calls:
    calls = Calls()

    async def play() -> None:
        gatherer = Gatherer()
        async with asyncio.timeout(60):
            await scene(gatherer, calls)
        assert len(gatherer) == 0, "an empty line is forgotten"

    asyncio.run(play())
    return calls


def asking(
    gatherer: Gatherer, calls: Calls, *names: str, line: str = "line", size: int = 1, apart: str = ""
) -> list[asyncio.Task[str]]:
    of = frozenset([apart]) if apart else frozenset[str]()
    return [asyncio.create_task(gatherer.ask(line, calls, Request(asked=each, size=size, apart=of))) for each in names]


async def busy(gatherer: Gatherer, calls: Calls) -> list[asyncio.Task[str]]:
    """Start as many calls as may run at once."""
    tasks: list[asyncio.Task[str]] = []
    for number in range(gathering.MOST_CALLS):
        tasks += asking(gatherer, calls, f"first {number}")
        await calls.until(number + 1)
    return tasks


async def settled() -> None:
    """Let everything that is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_waits_while_calls_are_under_way_goes_together_and_each_is_answered_its_own() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        waiting = asking(gatherer, calls, "a", "b", "c")
        await settled()
        assert len(calls.asked) == len(first), "they wait"
        calls.ends[0].set_result(None)
        await calls.until(len(first) + 1)
        for end in calls.ends[1:]:
            end.set_result(None)
        assert [await each for each in waiting] == ["a made", "b made", "c made"]
        assert [await each for each in first] == [f"first {number} made" for number in range(len(first))]

    assert played(scene).asked[gathering.MOST_CALLS :] == [["a", "b", "c"]]


def test_those_that_come_at_once_go_at_once_together() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        tasks = asking(gatherer, calls, "a", "b", "c")
        await calls.until(1)
        calls.ends[0].set_result(None)
        await asyncio.gather(*tasks)

    assert played(scene).asked == [["a", "b", "c"]]


def test_a_request_that_is_alone_is_asked_for_in_its_own_task_before_the_loop_waits() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        (task,) = asking(gatherer, calls, "a")
        await settled()
        assert calls.asked == [["a"]]
        assert {each for each in asyncio.all_tasks() if each is not asyncio.current_task()} == {task}
        calls.ends[0].set_result(None)
        await task

    played(scene)


def test_lines_do_not_wait_for_each_other() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        other = asking(gatherer, calls, "b", line="other")
        await calls.until(len(first) + 1)
        for end in calls.ends:
            end.set_result(None)
        await asyncio.gather(*first, *other)

    assert played(scene).asked[-1] == ["b"]


def test_what_has_to_be_apart_goes_one_after_the_other_and_holds_up_nothing_else() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        tasks = (
            asking(gatherer, calls, "k1", "k2", apart="k")
            + asking(gatherer, calls, "m", apart="m")
            + asking(gatherer, calls, "plain")
        )
        await settled()
        for number in range(len(first) + 2):
            await calls.until(number + 1)
            calls.ends[number].set_result(None)
        await asyncio.gather(*first, *tasks)

    assert played(scene).asked[gathering.MOST_CALLS :] == [["k1", "m", "plain"], ["k2"]]


def test_a_call_is_bounded_in_requests_and_bytes() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        names = [str(number) for number in range(gathering.MOST_TOGETHER + 1)]
        tasks = asking(gatherer, calls, *names) + asking(gatherer, calls, "large", "larger", size=gathering.MOST_BYTES)
        await settled()
        for number in range(len(first) + 4):
            await calls.until(number + 1)
            calls.ends[number].set_result(None)
        await asyncio.gather(*first, *tasks)

    sizes = [len(each) for each in played(scene).asked[gathering.MOST_CALLS :]]
    assert sizes == [gathering.MOST_TOGETHER, 1, 1, 1]


def test_who_went_away_is_not_asked_for_and_harms_nobody() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        gone, stays, leaves = asking(gatherer, calls, "gone", "stays", "leaves")
        await settled()
        gone.cancel()
        calls.ends[0].set_result(None)
        await calls.until(len(first) + 1)
        leaves.cancel()
        await settled()
        for end in calls.ends[1:]:
            end.set_result(None)
        assert await stays == "stays made"
        await asyncio.gather(*first)
        assert (gone.cancelled(), leaves.cancelled()) == (True, True)

    assert played(scene).asked[-1] == ["stays", "leaves"]


def test_a_call_that_does_not_end_is_ended_when_nobody_waits_for_it_and_the_next_goes() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        lost = asking(gatherer, calls, "a", "b")
        await settled()
        calls.ends[0].set_result(None)
        await calls.until(len(first) + 1)
        following = asking(gatherer, calls, "c")
        await settled()
        for each in lost:
            each.cancel()
        await calls.until(len(first) + 2)
        assert calls.ends[len(first)].cancelled()
        for end in calls.ends[1:]:
            if not end.done():
                end.set_result(None)
        assert await following[0] == "c made"
        await asyncio.gather(*first)

    played(scene)


def test_one_that_goes_away_while_it_lets_others_join_goes_alone() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        gone, stays = asking(gatherer, calls, "gone", "stays")
        await asyncio.sleep(0)
        gone.cancel()
        await calls.until(1)
        calls.ends[0].set_result(None)
        assert await stays == "stays made"

    assert played(scene).asked == [["stays"]]


def test_an_error_of_a_call_is_each_ones_and_the_next_call_goes() -> None:
    class Lost(Exception):
        pass

    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        lost = asking(gatherer, calls, "a", "b")
        await settled()
        calls.ends[0].set_result(None)
        await calls.until(len(first) + 1)
        following = asking(gatherer, calls, "c")
        await settled()
        calls.ends[len(first)].set_exception(Lost())
        for each in lost:
            with pytest.raises(Lost):
                await each
        await calls.until(len(first) + 2)
        for end in calls.ends:
            if not end.done():
                end.set_result(None)
        assert await following[0] == "c made"
        await asyncio.gather(*first)

    played(scene)


def test_who_went_away_between_the_end_of_a_call_and_the_next_ones_start_is_not_asked_for() -> None:
    async def scene(gatherer: Gatherer, calls: Calls) -> None:
        first = await busy(gatherer, calls)
        gone, stays = asking(gatherer, calls, "gone", "stays")
        await settled()
        calls.ends[0].set_result(None)
        while not gatherer._calls:  # noqa: ASYNC110 - the turn in which the next call is about to start
            await asyncio.sleep(0)
        gone.cancel()
        await settled()
        for end in calls.ends:
            if not end.done():
                end.set_result(None)
        assert await stays == "stays made"
        await asyncio.gather(*first)

    assert played(scene).asked[-1] == ["stays"]


def test_a_call_that_gives_too_little_is_an_error_of_each_and_nobody_waits_for_ever() -> None:
    async def too_few(together: Sequence[str]) -> list[str]:
        return list(together[1:])

    async def play() -> None:
        gatherer = Gatherer()
        async with asyncio.timeout(60):
            answered = await asyncio.gather(
                *(gatherer.ask("line", too_few, Request(asked=each, size=1)) for each in "abc"), return_exceptions=True
            )
        assert [type(each) for each in answered] == [ValueError] * 3
        assert len(gatherer) == 0

    asyncio.run(play())


_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.sampled_from(["x", "y"]),
            st.sampled_from(["", "k", "m"]),
            st.sampled_from([1, gathering.MOST_BYTES]),
        ),
        st.tuples(st.sampled_from(["leave", "end", "fail", "cancel"]), st.integers(0, 30)),
        st.tuples(st.just("turn"), st.integers(1, 4)),
    ),
    max_size=40,
)


class Trial:
    """Any order of callers arriving and leaving and of calls ending, failing or being cancelled, and the invariants at
    each step.
    """

    def __init__(self) -> None:
        self.gatherer = Gatherer()
        self.callers: list[tuple[str, asyncio.Task[str]]] = []
        self.asked: list[str] = []
        self.under_way: list[asyncio.Future[None]] = []
        self.of_line = Counter[str]()
        self.ended_badly: set[str] = set()

    async def call(self, together: Sequence[str]) -> list[str]:
        """A name is number:line:apart."""
        assert together
        (line,) = {each.split(":")[1] for each in together}
        apart = [each.split(":")[2] for each in together if each.split(":")[2]]
        assert len(set(apart)) == len(apart)
        assert len(together) <= gathering.MOST_TOGETHER
        self.asked += together
        self.of_line[line] += 1
        assert self.of_line[line] <= gathering.MOST_CALLS
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.under_way.append(end)
        try:
            await end
        except BaseException:
            self.ended_badly |= set(together)
            raise
        finally:
            self.under_way.remove(end)
            self.of_line[line] -= 1
        return [f"{each} made" for each in together]

    def ask(self, line: str, apart: str, size: int) -> None:
        name = f"{len(self.callers)}:{line}:{apart}"
        request = Request(asked=name, size=size, apart=frozenset([apart]) if apart else frozenset[str]())
        self.callers.append((name, asyncio.create_task(self.gatherer.ask(line, self.call, request))))

    async def step(self, what: str, *given: Any) -> None:
        if what == "ask":
            self.ask(*given)
        elif what == "turn":
            for _ in range(given[0]):
                await asyncio.sleep(0)
        elif what == "leave" and self.callers:
            self.callers[given[0] % len(self.callers)][1].cancel()
        elif self.under_way and not (end := self.under_way[given[0] % len(self.under_way)]).done():
            if what == "end":
                end.set_result(None)
            elif what == "fail":
                end.set_exception(LookupError())
            elif what == "cancel":
                end.cancel()

    async def finish(self) -> None:
        """End every call. Then every caller has its own answer, and the gatherer keeps nothing."""
        while not all(task.done() for _, task in self.callers):
            for end in self.under_way:
                if not end.done():
                    end.set_result(None)
            await asyncio.sleep(0)
        await settled()
        assert (len(self.gatherer), self.gatherer._calls, self.under_way) == (0, set(), [])
        assert len(set(self.asked)) == len(self.asked), "no request is sent twice"
        for name, task in self.callers:
            if not task.cancelled() and task.exception() is None:
                assert task.result() == f"{name} made"
            assert task.cancelled() or task.exception() is None or name in self.ended_badly
            assert name in self.asked or task.cancelled()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(steps=_STEPS)
def test_whatever_comes_leaves_and_fails_in_whatever_order_nobody_is_stranded(steps: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        trial = Trial()
        async with asyncio.timeout(60):
            for each in steps:
                await trial.step(*each)
            await trial.finish()

    asyncio.run(play())
