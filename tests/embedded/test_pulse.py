"""Tells silent children from unchecked ones: a child's pulse by the clock of a supervisor that may itself have been
stopped."""

import os
from collections.abc import Iterator

import pytest

from kronos.embedded.pulse import Pulse, Witness

_LIMIT = 30.0


@pytest.fixture
def pipe() -> Iterator[tuple[Pulse, int]]:
    """A pulse, and the end that the child writes to."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    pulse = Pulse(readable)
    yield pulse, writable
    pulse.close()
    os.close(writable)


def test_a_gap_between_two_looks_counts_for_two_seconds() -> None:
    times = iter([0.0, 1.0, 1.0 + 8 * 3600, 8 * 3600 + 1.5])
    witness = Witness(lambda: next(times))
    assert [witness.seconds() for _ in range(3)] == [1.0, 2.0, 0.5]  # a night with the lid closed counts as two seconds


def test_a_child_is_given_up_after_its_limit_of_silence_and_not_before(pipe: tuple[Pulse, int]) -> None:
    pulse, writable = pipe
    os.write(writable, b".")
    assert not pulse.is_over(1.0, _LIMIT)
    assert [pulse.is_over(1.0, _LIMIT) for _ in range(31)] == [False] * 30 + [True]


def test_one_sign_of_life_is_enough(pipe: tuple[Pulse, int]) -> None:
    pulse, writable = pipe
    for _ in range(10):
        os.write(writable, b".")
        assert not pulse.is_over(2.0, _LIMIT)
        assert not any(pulse.is_over(2.0, _LIMIT) for _ in range(14))


def test_a_child_that_is_still_loading_has_two_minutes(pipe: tuple[Pulse, int]) -> None:
    pulse, _ = pipe
    assert not any(pulse.is_over(2.0, _LIMIT) for _ in range(60))
    assert pulse.is_over(2.0, _LIMIT)


def test_the_end_of_the_pipe_is_no_sign_of_life() -> None:
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.close(writable)
    pulse = Pulse(readable, has_beaten=True)
    assert [pulse.is_over(2.0, 5.0) for _ in range(3)] == [False, False, True]
    pulse.close()
