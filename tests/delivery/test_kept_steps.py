"""Which connection carries the next delivery to a receiver, and when one that is kept is closed. The clock and the
connections are the test's.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kronos.delivery import connections as module
from kronos.delivery.connections import Connections, Origin, is_address
from kronos.delivery.egress import EgressPolicy
from stopped_clock import StoppedClock
from worker.running import until

_HERE, _THERE, _ELSEWHERE = (Origin(is_tls=False, host=host, port=80) for host in ("here", "there", "elsewhere"))
_SECURE = Origin(is_tls=True, host="here", port=443)
_OLD_TRUST, _TRUST = object(), object()


class Line:
    """A connection of the test's."""

    def __init__(self, *, trusted: object = None) -> None:
        self.idle_since = 0.0
        self.trusted = trusted
        self.is_reusable = True
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


class Names:
    """A resolver that is only closed."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(module, "time", made)
    return made


def kept(*, most: int = 10, names: Names | None = None) -> Any:
    trust = SimpleNamespace(context=_TRUST)
    return Connections(EgressPolicy(), names or Names(), trust, most_idle=most)  # type: ignore[arg-type]


def keep(of: Any, *places: Origin) -> list[Line]:
    lines = [Line() for _ in places]
    for origin, line in zip(places, lines, strict=True):
        of.keep(origin, line)
    return lines


async def test_the_connection_that_was_used_last_is_used_next_and_only_for_its_receiver(clock: StoppedClock) -> None:
    of = kept()
    first, other, second = keep(of, _HERE, _THERE, _HERE)
    secure = Line(trusted=_TRUST)
    of.keep(_SECURE, secure)
    taken = [of.take_kept(origin) for origin in (_HERE, _HERE, _HERE, _THERE, _ELSEWHERE, _SECURE)]
    assert taken == [second, first, None, other, None, secure]
    assert not any(line.is_aborted for line in (first, other, second, secure))
    await of.close()


async def test_a_connection_is_used_for_four_seconds_and_then_closed(clock: StoppedClock) -> None:
    """Servers keep idle connections for at least five. A request over one that is being closed ends UNKNOWN."""
    of = kept()
    (line,) = keep(of, _HERE)
    clock.now += 4.0
    assert of.take_kept(_HERE) is line
    of.keep(_HERE, line)
    clock.now += 4.1
    assert (of.take_kept(_HERE), line.is_aborted) == (None, True)
    await of.close()


async def test_a_connection_that_ended_is_passed_over(clock: StoppedClock) -> None:
    of = kept()
    good, ended, distrusted = keep(of, _HERE, _HERE, _HERE)
    ended.is_reusable = distrusted.is_reusable = False
    assert of.take_kept(_HERE) is good
    assert (good.is_aborted, ended.is_aborted, distrusted.is_aborted) == (False, True, True)
    await of.close()


async def test_a_connection_over_tls_is_used_as_long_as_its_authorities_are_trusted(clock: StoppedClock) -> None:
    of = kept()
    current, outdated, plain = Line(trusted=_TRUST), Line(trusted=_OLD_TRUST), Line(trusted=_OLD_TRUST)
    of.keep(_SECURE, current)
    of.keep(_SECURE, outdated)
    of.keep(_HERE, plain)
    assert (of.take_kept(_SECURE), of.take_kept(_HERE)) == (current, plain)
    assert (outdated.is_aborted, plain.is_aborted) == (True, False)
    await of.close()


async def test_no_more_are_kept_than_allowed_and_the_longest_idle_of_a_receiver_goes_first(clock: StoppedClock) -> None:
    of = kept(most=3)
    first, second, third, fourth = keep(of, _HERE, _HERE, _THERE, _THERE)
    assert [line.is_aborted for line in (first, second, third, fourth)] == [True, False, False, False]
    assert of.take_kept(_HERE) is second, "its receiver has none left"
    (fifth, sixth) = keep(of, _ELSEWHERE, _ELSEWHERE)
    assert [line.is_aborted for line in (third, fourth, fifth, sixth)] == [True, False, False, False]
    assert [of.take_kept(origin) for origin in (_THERE, _ELSEWHERE, _ELSEWHERE)] == [fourth, sixth, fifth]
    keep(of, _HERE, _HERE, _HERE)
    assert [of.take_kept(_HERE) is None for _ in range(4)] == [False, False, False, True], "those taken do not count"
    await of.close()


async def test_a_receiver_that_closes_connections_on_their_second_use_gets_new_ones_for_ten_minutes(
    clock: StoppedClock,
) -> None:
    of = kept()
    of.closed_on_use(_HERE)
    (refused, other) = keep(of, _HERE, _THERE)
    assert (refused.is_aborted, other.is_aborted) == (True, False)
    clock.now += 599.9
    assert keep(of, _HERE)[0].is_aborted
    of.closed_on_use(_HERE)
    clock.now += 0.2
    assert keep(of, _HERE)[0].is_aborted, "the time begins anew"
    clock.now += 599.8
    assert not keep(of, _HERE)[0].is_aborted
    await of.close()


async def test_of_the_receivers_that_do_so_the_last_thousand_are_known(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_DISTRUSTED", 2)
    of = kept()
    for origin in (_HERE, _THERE, _HERE, _ELSEWHERE):
        of.closed_on_use(origin)
    lines = keep(of, _HERE, _THERE, _ELSEWHERE)
    assert [line.is_aborted for line in lines] == [True, False, True], "the one that was longest ago is forgotten"
    await of.close()


async def test_idle_connections_are_closed_in_time_whether_or_not_another_delivery_comes(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SWEEP_SECONDS", 0.0)
    of = kept(most=2)
    old, other = keep(of, _HERE, _THERE)
    clock.now += 3.0
    (fresh,) = keep(of, _HERE)
    assert old.is_aborted, "there were too many"
    clock.now += 1.1
    await until(lambda: other.is_aborted, "the end of the one that was idle for longer than four seconds")
    assert not fresh.is_aborted
    (second,) = keep(of, _THERE)
    assert not fresh.is_aborted, "the closed one no longer counts"
    clock.now += 10
    await until(lambda: fresh.is_aborted and second.is_aborted, "the end of both")
    again = keep(of, _HERE, _HERE)
    assert not any(line.is_aborted for line in again)
    clock.now += 10
    await until(lambda: all(line.is_aborted for line in again), "the end of those that came after a pause")
    await of.close()


async def test_at_the_end_of_the_worker_none_is_left_open_and_no_name_is_asked_for(clock: StoppedClock) -> None:
    names = Names()
    of = kept(names=names)
    lines = keep(of, _HERE, _HERE, _THERE)
    await of.close()
    assert (all(line.is_aborted for line in lines), names.is_closed) == (True, True)
    assert of.take_kept(_HERE) is None
    before = len(asyncio.all_tasks())
    await kept(names=Names()).close()
    assert len(asyncio.all_tasks()) == before, "without a connection there is nothing to close"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("2606:4700::1111", True),
        ("::ffff:10.0.0.1", True),
        ("h.example", False),
        ("127.1", False),
        ("0177.0.0.1", False),
        ("2130706433", False),
        ("[::1]", False),
        ("fe80::1%eth0", False),
        ("", False),
    ],
)
def test_a_host_is_an_address_only_if_every_parser_reads_it_as_the_same_one(host: str, expected: bool) -> None:
    assert is_address(host) is expected
