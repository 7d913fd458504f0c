"""A frozen server is restarted, and only a frozen one."""

import errno
import gc
import itertools
import socket

import pytest

from kronos.embedded import freeze
from kronos.embedded.freeze import Freeze
from stopped_clock import StoppedClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    clock = StoppedClock()
    monkeypatch.setattr(freeze, "time", clock)
    return clock


def looks(dog: Freeze, clock: StoppedClock, age: float, *, seconds: float) -> list[float]:
    """Check every ten seconds at a silence of this length. Return when restarts were requested."""
    asked = []
    end = clock.now + seconds
    while clock.now < end:
        if dog.look(age) is not None:
            asked.append(clock.now)
        clock.now += 10
    return asked


def test_a_heartbeat_that_stays_stale_is_answered_by_one_restart_then_by_rarer_ones(clock: StoppedClock) -> None:
    asked = looks(Freeze(), clock, 600, seconds=4000)
    assert [round(later - earlier) for earlier, later in itertools.pairwise(asked)] == [600, 1200]


def test_a_freeze_that_no_restart_ends_is_answered_for_years_by_one_in_two_hours(clock: StoppedClock) -> None:
    """The 1025th doubling was more than a float can hold."""
    dog, asked = Freeze(), list[float]()
    for _ in range(2500):
        if dog.look(600) is not None:
            asked.append(clock.now)
        clock.now += 3600
    assert {round(later - earlier) for earlier, later in itertools.pairwise(asked[9:])} == {7200}
    assert len(asked) > 1100


def test_a_fresh_heartbeat_is_left_alone(clock: StoppedClock) -> None:
    assert looks(Freeze(), clock, 61, seconds=4000) == []


def test_a_machine_that_slept_gets_time_to_ring_again(clock: StoppedClock) -> None:
    dog = Freeze()
    assert looks(dog, clock, 7200, seconds=90) == []
    assert looks(dog, clock, 5, seconds=90) == []
    assert looks(dog, clock, 7200, seconds=90) == []


def test_a_database_that_does_not_answer_is_no_evidence(clock: StoppedClock) -> None:
    dog = Freeze()
    assert {dog.look(None) for _ in range(100)} == {None}
    assert freeze.silent_seconds("postgresql://127.0.0.1:1/kronos") is None


def test_where_no_further_file_may_be_opened_that_is_all_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal gets no traceback from asyncio's half-created objects: pytest fails on one."""

    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        freeze.silent_seconds("postgresql://nobody@127.0.0.1:1/none")
    gc.collect()
