"""A delivery over HTTP, step by step: what is known at each moment at which it can end, and what becomes of its
connection.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from delivery.scripted_lines import PLAIN, TLS, Delivery, Line, Lines, answer, opening
from kronos.delivery import sending as module
from kronos.delivery.answer import NotHttp
from kronos.delivery.connection import ConnectionEnded
from kronos.delivery.connections import HostUnreachable, NameUnknown, Origin
from kronos.delivery.egress import AddressRefused
from kronos.delivery.outcome import WORKER_STOPPED, ErrorType, Outcome
from kronos.delivery.sending import TimeLimits
from stopped_clock import StoppedClock
from told import told
from worker.running import until

_OK, _NO, _CLOSING = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
)
_CUT = "the request was sent, then the connection closed without a response"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.mark.parametrize(
    ("data", "is_sent", "status", "is_kept"),
    [(_OK, True, "SUCCESS", True), (_CLOSING, True, "SUCCESS", False), (_NO, True, "FAILED", True),
     (_NO, False, "FAILED", False), (_OK, False, "SUCCESS", False)],
)  # fmt: skip
@pytest.mark.parametrize("is_new", [False, True])
async def test_an_answered_connection_is_kept_if_the_whole_request_was_sent_over_it(
    data: bytes, is_sent: bool, status: str, is_kept: bool, is_new: bool
) -> None:
    """After an early answer, the rest of the request would be the beginning of the next one."""
    line = Line(is_sent=is_sent)
    lines = Lines(opens=opening(line)) if is_new else Lines(line)
    delivery = Delivery(lines)
    await until(lambda: bool(line.sent), "the request")
    delivery.sending.ended(answer(data), None)
    assert (await delivery.only()).status == status
    assert (line.sent, lines.given_back, line.is_aborted) == ([b"request"], [line] * is_kept, not is_kept)


@pytest.mark.parametrize(
    ("error", "is_sent", "known", "is_distrusted"),
    [
        (ConnectionEnded(), True, ("UNKNOWN", "closed_without_answer", _CUT, True), True),
        (ConnectionEnded(), False,
         ("FAILED", "closed_while_sending", "the connection closed before the request was sent", False), True),
        (NotHttp("that is SMTP"), True, ("FAILED", "bad_response", "that is SMTP", True), False),
        (NotHttp("that is SMTP"), False, ("FAILED", "bad_response", "that is SMTP", False), False),
    ],
)  # fmt: skip
async def test_a_connection_that_ends_without_an_answer_says_whether_the_request_was_sent(
    error: Any, is_sent: bool, known: tuple[str, str, str, bool], is_distrusted: bool
) -> None:
    line = Line(is_sent=is_sent)
    lines = Lines(line)
    delivery = Delivery(lines)
    delivery.sending.ended(answer(b""), error)
    assert (await delivery.known(), line.is_aborted) == (known, True)
    assert lines.distrusted == [PLAIN] * is_distrusted, "its receiver closes connections that are used again"


async def test_a_new_connection_that_ends_says_nothing_about_kept_ones() -> None:
    line = Line()
    lines = Lines(opens=opening(line))
    delivery = Delivery(lines)
    await until(lambda: bool(line.sent), "the request")
    delivery.sending.ended(answer(b""), ConnectionEnded())
    assert (await delivery.known())[1] == "closed_without_answer"
    assert lines.distrusted == []


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (NameUnknown("10.0.0.1"), "dns", "the host's name could not be resolved"),
        (HostUnreachable("10.0.0.1"), "connect", "could not connect to the endpoint"),
        (AddressRefused("10.0.0.1"), "address_blocked",
         "the host's name resolves to an address that deliveries may not reach"),
        (OSError("10.0.0.1"), "closed_while_sending", "the connection closed before the request was sent"),
        (RuntimeError("10.0.0.1"), "internal", "internal error in Kronos; see the worker's log for the trace"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_kept", [False, True])
async def test_what_keeps_a_request_from_being_sent_is_named_without_addresses(
    caplog: pytest.LogCaptureFixture, error: Exception, kind: ErrorType, message: str, is_kept: bool
) -> None:
    line = Line(is_sent=False, refuses=error)
    delivery = Delivery(Lines(line) if is_kept else Lines(opens=opening(error)))
    assert (await delivery.known())[1:] == (kind, message, False)
    assert line.is_aborted is is_kept
    assert "10.0.0.1" not in caplog.text
    if kind == "internal":
        line_told = told(caplog, "delivery.unforeseen")
        assert line_told["execution_id"] == "e1"
        assert line_told["message"].startswith("execution e1: unexpected RuntimeError")


async def test_an_error_of_ours_after_the_request_was_sent_leaves_its_outcome_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "kronos")
    delivery = Delivery(Lines(Line(refuses=RuntimeError())))
    assert (await delivery.known())[1::2] == ("internal", True)

    def fails(*_: object, **__: object) -> Outcome:
        raise RuntimeError

    monkeypatch.setattr(module, "answered", fails)
    delivery = Delivery(Lines(Line()))
    delivery.sending.ended(answer(_OK), None)
    assert (await delivery.known())[1] == "internal", "the claim ends all the same"


_NOT_READ = "the endpoint did not read the request within 10 s"
_WHILE = "the delivery was cancelled while it was being sent; the connection was closed before the end of the request"


@pytest.mark.parametrize(
    ("why", "is_sent", "message", "is_unknown"),
    [
        ("timeout", True, "no response from the endpoint within 10 s", True),
        ("timeout", False, _NOT_READ, False),
        ("cancelled", True,
         "the delivery was cancelled and the connection closed; whether it arrived is not known", True),
        ("cancelled", False, _WHILE, False),
        ("worker_stopped", True, WORKER_STOPPED, True),
        ("worker_stopped", False, WORKER_STOPPED, True),
    ],
)  # fmt: skip
async def test_a_request_that_is_torn_off_says_how_far_it_came(
    why: ErrorType, is_sent: bool, message: str, is_unknown: bool
) -> None:
    line = Line(is_sent=is_sent)
    delivery = Delivery(Lines(line))
    delivery.sending.stop(why)
    delivery.sending.stop("timeout")
    delivery.sending.late(10**9)
    outcome = await delivery.only()
    assert isinstance(outcome.error, dict)
    assert (outcome.error["type"], line.is_aborted) == (why, True)
    assert outcome.is_unknown is is_unknown
    assert why == "timeout" or (outcome.status == "UNKNOWN") is is_unknown
    assert outcome.is_cut_off is (why == "worker_stopped")
    assert not outcome.is_unsent, "the receiver may have seen its beginning"
    assert outcome.error["message"] == message


@pytest.mark.parametrize("why", ["timeout", "cancelled", "worker_stopped"])
async def test_a_status_line_that_was_read_counts_whatever_ends_the_delivery(why: ErrorType) -> None:
    line = Line()
    line.answer = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
    delivery = Delivery(Lines(line))
    delivery.sending.stop(why)
    outcome = await delivery.only()
    assert (outcome.status, outcome.error, line.is_aborted) == ("SUCCESS", None, True)


@pytest.mark.parametrize(
    ("why", "message"),
    [
        ("timeout", "no connection to the endpoint within 10 s"),
        ("cancelled", "the delivery was cancelled before anything was sent"),
        ("worker_stopped", None),
    ],
)
@pytest.mark.parametrize("is_swallowed", [False, True])
async def test_what_is_stopped_while_its_connection_is_opened_was_not_sent(
    why: ErrorType, message: str | None, is_swallowed: bool
) -> None:
    """Also if a library swallows the cancellation, and the connection is there all the same."""
    line, never = Line(), asyncio.Event()

    async def opens() -> Line:
        try:
            await never.wait()
        except asyncio.CancelledError:
            if not is_swallowed:
                raise
        return line

    delivery = Delivery(Lines(opens=opens))
    await asyncio.sleep(0)
    delivery.sending.stop(why)
    delivery.sending.stop("timeout")
    outcome = await delivery.only()
    assert isinstance(outcome.error, dict)
    assert (outcome.error["type"], outcome.status == "UNKNOWN") == (why, why == "worker_stopped")
    assert outcome.is_unsent is outcome.is_cut_off is (why == "worker_stopped")
    assert (line.sent, line.is_aborted) == ([], is_swallowed)
    if message is not None:
        assert outcome.error["message"] == message


async def test_a_connection_that_is_there_only_after_the_time_is_over_carries_nothing(clock: StoppedClock) -> None:
    """The process was stopped meanwhile, and another worker may be sending the request."""
    line = Line()

    async def opens() -> Line:
        clock.now += 10.0
        return line

    delivery = Delivery(Lines(opens=opens))
    assert (await delivery.known())[1:] == ("timeout", "no connection to the endpoint within 10 s", False)
    assert (line.sent, line.is_aborted) == ([], True)


async def test_a_connection_may_have_a_limit_of_its_own() -> None:
    async def opens() -> Line:
        return await asyncio.Event().wait()  # type: ignore[return-value]  # it never returns

    delivery = Delivery(Lines(opens=opens), limits=TimeLimits(connect_seconds=0.01))
    assert (await delivery.known())[1:] == ("timeout", "no connection to the endpoint within 0.01 s", False)


@pytest.mark.parametrize("is_kept", [False, True])
async def test_the_trusted_authorities_are_read_again_before_a_connection_over_tls_is_used(is_kept: bool) -> None:
    line = Line()
    lines = Lines(line) if is_kept else Lines(opens=opening(line))
    lines.trust.may_have_changed = True
    delivery = Delivery(lines, origin=TLS)
    await until(lambda: bool(line.sent), "the request")
    assert lines.looked == 1
    delivery.sending.ended(answer(b""), ConnectionEnded())
    await delivery.only()
    assert lines.distrusted == [TLS] * is_kept


@pytest.mark.parametrize(("origin", "has_changed"), [(PLAIN, False), (PLAIN, True), (TLS, False)])
async def test_a_kept_connection_whose_trust_holds_carries_the_request_at_once(
    origin: Origin, has_changed: bool
) -> None:
    """Plain HTTP trusts no authority."""
    line, new = Line(), Line()
    lines = Lines(line)
    lines.trust.may_have_changed = has_changed
    Delivery(lines, origin=origin)
    assert (line.sent, lines.looked) == ([b"request"], 0)

    opened = Lines(opens=opening(new))
    opened.trust.may_have_changed = has_changed
    Delivery(opened, origin=origin)
    await until(lambda: bool(new.sent), "the request")
    assert opened.looked == (origin is TLS)


async def test_silence_ends_a_delivery_and_each_byte_of_either_side_begins_it_anew(clock: StoppedClock) -> None:
    line = Line(is_sent=False)
    delivery = Delivery(Lines(line), limits=TimeLimits(idle_seconds=3))
    sending = delivery.sending
    assert (sending.deadline, line.moved_at) == (1003.0, 1000.0)
    sending.late(1003.0)
    assert sending.deadline == 1006.0, "some bytes wait to be accepted, for the first time"
    line.unsent_bytes = 40
    sending.late(1005.0)
    assert sending.deadline == 1008.0, "some of them were accepted"
    sending.late(1007.9)
    assert sending.deadline == 1008.0
    line.moved_at = 1007.5
    sending.late(1008.0)
    assert sending.deadline == 1010.0, "no later than the delivery's own end"
    line.moved_at = 1006.0
    sending.late(1009.0)
    assert (await delivery.known())[1:3] == ("timeout", "no byte from the endpoint for 3 s")


async def test_silence_on_a_new_connection_begins_when_it_is_open(clock: StoppedClock) -> None:
    line = Line()

    async def opens() -> Line:
        clock.now += 2.0
        return line

    delivery = Delivery(Lines(opens=opens), limits=TimeLimits(idle_seconds=3))
    await until(lambda: bool(line.sent), "the request")
    assert line.moved_at == 1002.0
    delivery.sending.late(1003.0)
    assert delivery.sending.deadline == 1005.0
    delivery.sending.late(1005.0)
    assert (await delivery.known())[2] == "no byte from the endpoint for 3 s"


async def test_the_whole_time_ends_a_delivery_however_many_bytes_come(clock: StoppedClock) -> None:
    line = Line()
    delivery = Delivery(Lines(line), limits=TimeLimits(idle_seconds=3))
    line.moved_at = 1009.9
    delivery.sending.late(1010.0)
    assert (await delivery.known())[1:3] == ("timeout", "no response from the endpoint within 10 s")


async def test_an_outcome_has_the_time_since_the_delivery_began(clock: StoppedClock) -> None:
    answered, failed = Delivery(Lines(Line())), Delivery(Lines(Line()))
    clock.now += 1.5
    answered.sending.ended(answer(_OK), None)
    failed.sending.ended(answer(b""), ConnectionEnded())
    assert (await answered.only()).duration == (await failed.only()).duration == timedelta(seconds=1.5)


async def test_an_idle_limit_longer_than_the_whole_time_changes_nothing(clock: StoppedClock) -> None:
    assert Delivery(Lines(Line()), limits=TimeLimits(idle_seconds=30)).sending.deadline == 1010.0
    assert Delivery(Lines(Line())).sending.deadline == 1010.0


async def test_a_connection_that_is_being_opened_is_not_idle(clock: StoppedClock) -> None:
    delivery = Delivery(Lines(opens=asyncio.Event().wait), limits=TimeLimits(idle_seconds=3))  # type: ignore[arg-type]
    delivery.sending.late(1003.0)
    assert (delivery.sending.deadline, delivery.outcomes) == (1006.0, [])
    delivery.sending.stop("worker_stopped")
    await delivery.only()


async def test_a_delivery_that_nobody_waits_for_ends_with_its_connection() -> None:
    line = Line()
    delivery = Delivery(Lines(line))
    await delivery.sending.abandoned()
    assert (line.is_aborted, len(delivery.outcomes)) == (True, 1)

    never = asyncio.Event()
    opened = Delivery(Lines(opens=never.wait))  # type: ignore[arg-type]  # it never returns
    await asyncio.sleep(0)
    await opened.sending.abandoned()
    assert (await opened.only()).is_unsent


async def test_an_end_that_is_known_already_is_not_reported_again() -> None:
    delivery = Delivery(Lines(Line()))
    delivery.is_known = False
    delivery.sending.ended(answer(_OK), None)
    await asyncio.sleep(0)
    assert delivery.outcomes == []


async def test_at_the_end_of_the_event_loop_a_connection_being_opened_ends_without_an_outcome() -> None:
    """Nobody would store it. The lease runs out, and another worker takes the execution."""
    before = asyncio.all_tasks()
    delivery = Delivery(Lines(opens=asyncio.Event().wait))  # type: ignore[arg-type]  # it never returns
    (opens,) = asyncio.all_tasks() - before
    opens.cancel()
    await asyncio.gather(opens, return_exceptions=True)
    await asyncio.sleep(0)
    assert delivery.outcomes == []
