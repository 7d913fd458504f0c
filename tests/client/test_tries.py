"""Which failed calls the client sends again, when, and what its errors then say about the outcome."""

from collections.abc import Callable
from typing import Any

import pytest

from kronos.client import (
    AnswerInvalid,
    Conflict,
    ConnectionLost,
    Forbidden,
    InvalidRequest,
    KronosError,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    RateLimited,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from kronos.client._core.calls import Call
from kronos.client._core.options import Options
from kronos.client._core.repeating import Tries
from stopped_clock import StoppedClock

READ = Call(method="GET", path="/a", may_repeat=True)
WRITE = Call(method="POST", path="/a")


def tries(call: Call, clock: StoppedClock | None = None, **options: Any) -> Tries:
    """Return the tries of a call that was sent once and takes no time."""
    made = Tries(call, Options(**options), clock=(clock or StoppedClock()).monotonic, chance=lambda: 0.0)
    made.begin("k")
    return made


def api(kind: type[Any], status: int = 503, code: str = "c", **known: Any) -> KronosError:
    error: KronosError = kind(status=status, code=code, detail="d", **known)
    return error


def same() -> str:
    return "k"


LOST = ConnectionLost("x", is_outcome_unknown=True)
STRANGE = AnswerInvalid("x", status=502, is_outcome_unknown=True, is_passing=True)


@pytest.mark.parametrize(
    ("error", "read", "write"),
    [
        (NotConnected("x"), True, True),
        (TimedOut("x"), True, True),
        (ConnectionLost("x", is_outcome_unknown=True), True, False),
        (TimedOut("x", is_outcome_unknown=True), True, False),
        (AnswerInvalid("x", status=502, is_outcome_unknown=True, is_passing=True), True, False),
        (AnswerInvalid("x", status=408, is_passing=True), True, True),
        (AnswerInvalid("x", status=404), False, False),
        (api(Unavailable), True, True),
        (api(OutcomeUnknown), True, False),
        (api(RateLimited, 429, "rate_limited"), True, True),
        (api(RateLimited, 429, "quota_exceeded", retry_after=0.1), True, True),
        (api(RateLimited, 429, "quota_exceeded"), False, False),
        (api(InvalidRequest, 408), True, True),
        (api(InvalidRequest, 422), False, False),
        (api(ServerFault, 500), False, False),
        (api(NotFound, 404), False, False),
        (api(Conflict, 409), False, False),
        (api(Forbidden, 403), False, False),
        (api(Unauthorized, 401), False, False),
    ],
)
def test_a_call_is_sent_again_if_that_may_help_and_does_nothing_twice(
    error: KronosError, read: bool, write: bool
) -> None:
    for call, is_repeated in ((READ, read), (WRITE, write)):
        if is_repeated:
            assert tries(call).pause_after(error, same) >= 0
        else:
            with pytest.raises(type(error)):
                tries(call).pause_after(error, same)


def test_a_call_is_sent_as_often_as_is_said() -> None:
    made = tries(READ, tries=3)
    for _ in range(2):
        made.pause_after(NotConnected("x"), same)
        made.begin("k")
    with pytest.raises(NotConnected):
        made.pause_after(NotConnected("x"), same)


def test_pauses_double_up_to_the_longest_and_are_spread_over_nine_tenths() -> None:
    def pauses(chance: float) -> list[float]:
        options = Options(tries=9, first_pause=1.0, max_pause=6.0, deadline=1_000)
        made = Tries(READ, options, clock=StoppedClock().monotonic, chance=lambda: chance)
        found = []
        for _ in range(5):
            made.begin("k")
            found.append(round(made.pause_after(NotConnected("x"), same), 6))
        return found

    assert pauses(1.0) == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert pauses(0.0) == [0.1, 0.2, 0.4, 0.6, 0.6]


def test_what_a_server_asks_for_is_the_least_pause() -> None:
    def pause(after: float, chance: float) -> float:
        made = Tries(READ, Options(), clock=StoppedClock().monotonic, chance=lambda: chance)
        made.begin("k")
        return made.pause_after(api(RateLimited, 429, "rate_limited", retry_after=after), same)

    assert [pause(after, 0.0) for after in (0.0, 3.0, 40.0)] == [0.0, 3.0, 40.0]
    assert [round(pause(after, 1.0), 6) for after in (0.0, 3.0, 40.0)] == [0.05, 3.35, 41.0]
    made = tries(READ)
    assert made.pause_after(AnswerInvalid("x", status=503, retry_after=2.0, is_passing=True), same) == 2.0


def test_a_pause_beyond_the_deadline_is_not_made() -> None:
    clock = StoppedClock()
    made = tries(READ, clock, deadline=10.0)
    assert made.pause_after(api(Unavailable, retry_after=9.9), same) == 9.9
    with pytest.raises(Unavailable):
        made.pause_after(api(Unavailable, retry_after=10.0), same)
    clock.now += 6.0
    with pytest.raises(Unavailable):
        made.pause_after(api(Unavailable, retry_after=5.0), same)


def test_a_call_that_was_not_done_is_not_sent_again_to_be_cut_off() -> None:
    """It took 2 s: after the pause, there must be room for twice that. A call that may have been done is tried."""
    clock = StoppedClock()
    made = tries(READ, clock, deadline=10.0)
    clock.now += 2.0
    assert made.pause_after(api(Unavailable, retry_after=3.9), same) == 3.9
    with pytest.raises(Unavailable):
        made.pause_after(api(Unavailable, retry_after=4.0), same)
    assert made.pause_after(
        AnswerInvalid("x", status=502, is_outcome_unknown=True, retry_after=7.9, is_passing=True), same
    )


def test_a_rotated_key_is_taken_up_once_and_at_once() -> None:
    made = tries(WRITE)
    with pytest.raises(Unauthorized):
        made.pause_after(api(Unauthorized, 401), same)  # no other key is there
    assert made.pause_after(api(Unauthorized, 401), lambda: "new") == 0.0
    made.begin("new")
    with pytest.raises(Unauthorized):
        made.pause_after(api(Unauthorized, 401), lambda: "newer")


def test_a_call_that_was_sent_before_begins_with_its_key() -> None:
    made = Tries(WRITE, Options(), clock=StoppedClock().monotonic, key="k")
    with pytest.raises(Unauthorized):
        made.pause_after(api(Unauthorized, 401), same)
    assert made.pause_after(api(Unauthorized, 401), lambda: "new") == 0.0


@pytest.mark.parametrize("kind", [NotFound, Conflict, PreconditionFailed])
def test_what_a_call_may_have_caused_itself_is_told(kind: type[Any]) -> None:
    for first, may_be_done in ((LOST, True), (NotConnected("x"), False)):
        made = tries(READ)
        made.pause_after(first, same)
        made.begin("k")
        with pytest.raises(kind) as caught:
            made.pause_after(api(kind, 409), same)
        assert caught.value.may_be_done is may_be_done


@pytest.mark.parametrize(
    ("make", "is_unknown"),
    [
        (lambda: NotConnected("x"), True),
        (lambda: api(Unavailable), True),
        (lambda: api(RateLimited, 429, "quota_exceeded"), True),
        (lambda: api(InvalidRequest, 422), False),
        (lambda: api(Forbidden, 403), False),
    ],
)
def test_the_outcome_of_an_earlier_try_stays_unknown(make: Callable[[], KronosError], is_unknown: bool) -> None:
    last = make()
    made = tries(READ, tries=2)
    made.pause_after(STRANGE, same)
    made.begin("k")
    with pytest.raises(type(last)) as caught:
        made.pause_after(last, same)
    assert caught.value.is_outcome_unknown is is_unknown
    alone = tries(READ, tries=1)
    with pytest.raises(NotConnected) as other:
        alone.pause_after(NotConnected("x"), same)
    assert not other.value.is_outcome_unknown


def test_the_deadline_is_of_the_whole_call() -> None:
    clock = StoppedClock()
    made = tries(WRITE, clock, deadline=10.0)
    clock.now += 9.0
    assert made.remaining() == 1.0
    clock.now += 1.0
    for is_sent in (True, False):
        with pytest.raises(TimedOut, match=r"^POST /a: no response within its deadline of 10 s$") as caught:
            made.remaining(is_sent=is_sent)
        assert caught.value.is_outcome_unknown is is_sent
    made = tries(READ, clock, deadline=10.0)
    made.pause_after(LOST, same)
    clock.now += 10.0
    with pytest.raises(TimedOut) as unsent:
        made.remaining()
    assert unsent.value.is_outcome_unknown
