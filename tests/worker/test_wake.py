"""When a worker looks for work: soon after each announcement, when the next execution is due, and at intervals; never
more often than its looks cost."""

import asyncio
import math
from collections.abc import Callable
from uuid import uuid4

import pytest

from kronos.worker.wake import Wake
from stopped_clock import StoppedClock
from worker.running import until
from worker.scripted import turns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr("kronos.worker.wake.time", made)
    return made


@pytest.fixture
def wake(clock: StoppedClock) -> Wake:
    """A worker that has just looked, and polls every 30 s."""
    made = Wake(poll_seconds=30)
    made.looked(clock.now, None)
    return made


def first_due(wake: Wake, clock: StoppedClock, *, within: float = 60.0) -> float:
    """How many seconds from now it is first due, by steps of a millisecond; infinite if it is not."""
    began = clock.now
    for millisecond in range(int(within * 1000)):
        clock.now = began + millisecond / 1000
        if wake.is_due:
            return millisecond / 1000
    return math.inf


def test_a_worker_that_starts_looks_at_once_and_has_been_told_of_nothing(clock: StoppedClock) -> None:
    new = Wake(poll_seconds=30)
    assert (new.is_due, new.is_full_wanted, new.are_limits_new, new.has_told) == (True, False, False, False)


def test_without_news_it_looks_after_seven_tenths_of_the_interval_to_all_of_it(wake: Wake, clock: StoppedClock) -> None:
    """Not all workers of a fleet at the same moment."""
    times = []
    for _ in range(20):
        times.append(first_due(wake, clock))
        wake.looked(clock.now, None)
    assert 21.0 <= min(times) < max(times) <= 30.001


def test_what_is_due_next_is_looked_for_when_it_is_due_and_not_later_than_the_poll(
    wake: Wake, clock: StoppedClock
) -> None:
    wake.looked(clock.now, 2.5)
    assert first_due(wake, clock) == pytest.approx(2.5, abs=0.002)
    wake.looked(clock.now, 86_400.0)
    assert first_due(wake, clock) <= 30.001


def test_of_many_instants_the_earliest_is_not_forgotten(wake: Wake, clock: StoppedClock) -> None:
    for seconds in range(20, 0, -1):
        wake.within(seconds)
    assert first_due(wake, clock) == pytest.approx(1.0, abs=0.002)


def test_later_instants_displace_no_earlier_one(wake: Wake, clock: StoppedClock) -> None:
    began = clock.now
    for seconds in range(1, 20):
        wake.within(seconds)
    due = []
    for _ in range(8):
        first_due(wake, clock)
        due.append(round(clock.now - began, 1))
        wake.looked(clock.now, None)
    assert due == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_thousand_instants_are_not_a_thousand_looks(wake: Wake, clock: StoppedClock) -> None:
    """The poll finds those that are not kept."""
    for number in range(1000):
        wake.within(1 + number / 100)
    began, looks = clock.now, 0
    while clock.now - began < 15:
        first_due(wake, clock)
        wake.looked(clock.now, None)
        looks += 1
    assert looks < 20


def test_an_instant_that_came_before_a_look_began_is_done_with_and_one_that_came_after_is_not(
    wake: Wake, clock: StoppedClock
) -> None:
    wake.within(1.0)
    wake.within(1.0005)
    clock.now += 1.0
    wake.looked(clock.now, None)
    assert first_due(wake, clock) == pytest.approx(0.001)


def test_announcements_without_end_do_not_put_off_the_echo_of_an_earlier_one(wake: Wake, clock: StoppedClock) -> None:
    """An execution that was committed a little after its announcement is found by the echo."""
    wake.now()
    wake.looked(clock.now, None)
    clock.now += 0.014
    wake.now()
    wake.looked(clock.now, None)
    assert first_due(wake, clock) == pytest.approx(0.001)


def test_looks_take_at_most_a_fifth_of_the_time_whatever_is_announced(wake: Wake, clock: StoppedClock) -> None:
    wake.looked(clock.now - 0.2, None)
    wake.now()
    assert first_due(wake, clock) == pytest.approx(0.8, abs=0.002)


def test_after_a_look_that_took_very_long_it_rests_for_five_seconds(wake: Wake, clock: StoppedClock) -> None:
    wake.looked(clock.now - 100, None)
    wake.now()
    assert first_due(wake, clock) == pytest.approx(5.0, abs=0.002)


def test_endpoints_that_were_announced_are_taken_once_and_news_without_one_name_none(wake: Wake) -> None:
    one, other = str(uuid4()), str(uuid4())
    assert not wake.has_told
    wake.now()
    assert not wake.has_told
    for endpoint_id in (one, other, one):
        wake.now(endpoint_id)
    assert wake.has_told
    assert wake.take_told() == {one, other}
    assert (wake.has_told, wake.take_told()) == (False, set())


def test_old_work_asks_for_a_full_look_that_later_news_do_not_take_back(wake: Wake) -> None:
    wake.now()
    assert not wake.is_full_wanted
    wake.now(is_old=True)
    wake.now()
    assert wake.is_full_wanted


@pytest.mark.parametrize("news", [Wake.now, lambda wake: wake.within(1000.0), Wake.poke])
async def test_whatever_changes_ends_a_wait(news: Callable[[Wake], None]) -> None:
    wake = Wake(poll_seconds=3600)
    wake.looked(0.0, None)
    waiting = asyncio.create_task(wake.wait(for_look=True))
    await turns()
    assert not waiting.done()
    news(wake)
    await until(waiting.done, "the end of the wait")


async def test_news_from_before_a_wait_do_not_end_it() -> None:
    """The loop has seen to them: it would run without end."""
    wake = Wake(poll_seconds=3600)
    wake.poke()
    waiting = asyncio.create_task(wake.wait(for_look=False))
    await turns()
    assert not waiting.done()
    wake.poke()
    await until(waiting.done, "the end of the wait")


async def test_a_worker_without_room_waits_for_it_although_a_look_is_due() -> None:
    wake = Wake(poll_seconds=30)
    assert wake.is_due
    waiting = asyncio.create_task(wake.wait(for_look=False))
    await turns()
    assert not waiting.done()
    waiting.cancel()
    async with asyncio.timeout(60):
        await wake.wait(for_look=True)


async def test_a_wait_ends_at_the_time_that_it_was_given() -> None:
    """When a closed endpoint opens."""
    wake = Wake(poll_seconds=3600)
    wake.looked(0.0, None)
    async with asyncio.timeout(60):
        await wake.wait(for_look=True, until=0.0)
