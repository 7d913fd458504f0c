"""A timer that limits one request to a collector never acts on the next one."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from kronos.traces.bounded import BoundedSession
from otlp import collecting


@pytest.mark.parametrize("moment", ["between the two", "during the next"])
def test_a_timer_that_is_cancelled_too_late_ends_nothing_of_the_next_request(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Its thread had begun to act when the response came: it cut the next batch off, whose spans were lost."""
    timers: list[Callable[[], None]] = []

    class Timer:
        daemon = False

        def __init__(self, _: float, act: Callable[..., None], arguments: Sequence[object] = ()) -> None:
            timers.append(partial(act, *arguments))

        def start(self) -> None:
            if moment == "during the next":
                for act in timers[:-1]:
                    act()

        def cancel(self) -> None:
            """Come too late."""

    monkeypatch.setattr(threading, "Timer", Timer)
    with collecting() as collector, BoundedSession() as session:
        assert session.post(f"{collector.url}/v1/traces", data=b"").status_code == 200
        if moment == "between the two":
            timers[0]()
        assert session.post(f"{collector.url}/v1/traces", data=b"").status_code == 200
    assert (len(timers), collector.connections) == (2, 1)
