"""One attempt: render the request from the endpoint's version and the execution's input, send it once, and report a
Result."""

import asyncio
import json
import re
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Literal, Protocol

import orjson

from kronos.delivery.destinations import Destination, Message
from kronos.delivery.envelope import Envelope, Undeliverable, refusal_type
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import Outcome, failed
from kronos.delivery.refused import Refused
from kronos.delivery.sanitise import json_bytes
from kronos.delivery.streams import Streams
from kronos.delivery.template import render_body, render_headers, render_url, utc_text
from kronos.delivery.template_text import TemplateError
from kronos.lines import Log
from kronos.model import Json
from kronos.records import dataclass
from kronos.server_time import boot_time
from kronos.worker import streaming
from kronos.worker.backoff import Backoff
from kronos.worker.claims import Claim, RunFacts
from kronos.worker.results import Result
from kronos.worker.rules import Rules
from kronos.worker.streaming import StreamTarget
from kronos.worker.targets import HttpTarget, Target, Unusable
from kronos.worker.vault import Opened

_log = Log("kronos.worker")
# After the timeout, the result must still reach PostgreSQL before the lease ends.
_RESERVE_SECONDS = 1.0
# A template and input of 64 kB are rendered in a few milliseconds. Larger ones are rendered in a thread, one at a time,
# so that no other delivery waits.
_MAX_BYTES_ON_LOOP = 64 * 1024
_RENDERER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="templates")
_RANDOM = Random()  # noqa: S311 - spreads retries, no secret
_NO_WAIT, _MILLISECOND = timedelta(), timedelta(milliseconds=1)
# orjson reads integers beyond 64 bits as floats. In jsonb's output, a number follows a space or a bracket, or is the
# whole document. A pattern that begins with one fixed character is found in a quarter of the time.
_LONG_MEMBER, _LONG_FIRST_ITEM = re.compile(r" -?[0-9]{19}"), re.compile(r"\[-?[0-9]{19}")
_rendering: set[asyncio.Task[None]] = set()


class DeliverySpan(Protocol):
    """A delivery's span, as announced to the receiver."""

    @property
    def trace_id(self) -> str:
        """The trace's id, in hexadecimal."""
        ...

    def begin(self, *, is_message: bool) -> str:
        """Start the span just before sending, and return the W3C traceparent for the receiver."""
        ...


class Stoppable(Protocol):
    """A delivery under way."""

    def stop(self, why: Literal["cancelled"]) -> None:
        """Abort the delivery; its outcome is still reported."""
        ...


@dataclass(slots=True, eq=False)  # not frozen: one is made for each claim
class Leased:
    """A claim with its fence, and the boot time until which its lease certainly holds.

    `secrets` are those that the delivery needs, or None."""

    claim: Claim
    token: str
    ends_at: float
    facts: RunFacts | None = None
    """Set if the endpoint's templates name one (HttpTarget.needs_facts)."""
    secrets: Opened | None = None
    sending: Stoppable | None = None
    """Set once the delivery is under way."""
    began_at: float = 0.0
    """A boot time before the claim."""
    is_aborted: bool = False
    """The execution was cancelled in the meantime: if nothing was sent yet, nothing will be."""
    transport: str = ""
    """The transport of the delivery, if it is counted (meter.py)."""
    span: DeliverySpan | None = None
    """The delivery's span, if it is traced (tracing.py)."""

    @property
    def covers_delivery(self) -> bool:
        """Whether the full timeout fits into the rest of the lease."""
        return boot_time() + self.claim.timeout_ms / 1000 + _RESERVE_SECONDS <= self.ends_at


_Rendered = tuple[Envelope | Undeliverable, bytes]
OnEnd = Callable[[Leased, Result | None], None]


def begin(leased: Leased, to: Target, transport: HttpTransport, on_end: OnEnd, streams: Streams) -> None:
    """Send one request, or report that none can be built. Raises nothing.

    Calls `on_end` once, now or later, with the result. None: nothing was sent and there was no attempt, because the
    worker stopped or the lease had become too short.
    """
    is_openable = leased.secrets is None or leased.secrets.fault is None
    if isinstance(to, HttpTarget) and is_openable and to.spec_bytes + len(leased.claim.input) > _MAX_BYTES_ON_LOOP:
        task = asyncio.create_task(_begin_in_turn(leased, to, transport, on_end))
        _rendering.add(task)
        task.add_done_callback(_rendering.discard)
        return
    try:
        if isinstance(to, Unusable):
            outcome = failed("template", to.why)
        elif leased.secrets is not None and leased.secrets.fault is not None:
            outcome = failed("secret", leased.secrets.fault)
        elif isinstance(to, HttpTarget):
            _send(leased, to, transport, _rendered(leased, to, transport), on_end)
            return
        else:
            _begin_message(leased, to, streams, on_end)
            return
    except Exception as error:
        outcome = _unsent(leased, error)
    _ended(leased, to, on_end, outcome)


def abort(leased: Leased) -> None:
    """Abort a delivery whose execution was cancelled, or belongs to another worker. Its end is reported as usual."""
    leased.is_aborted = True
    if leased.sending is not None:
        leased.sending.stop("cancelled")


def _begin_message(leased: Leased, to: StreamTarget, streams: Streams, on_end: OnEnd) -> None:
    if to.spec_bytes + len(leased.claim.input) > _MAX_BYTES_ON_LOOP:
        task = asyncio.create_task(_begin_message_in_turn(leased, to, streams, on_end))
        _rendering.add(task)
        task.add_done_callback(_rendering.discard)
    else:
        _send_message(leased, to, streams, _message(leased, to, streams), on_end)


async def _begin_message_in_turn(leased: Leased, to: StreamTarget, streams: Streams, on_end: OnEnd) -> None:
    try:
        message = await asyncio.get_running_loop().run_in_executor(_RENDERER, _message_in_turn, leased, to, streams)
        if message is not None and not _is_over(leased, streams):
            _send_message(leased, to, streams, message, on_end)
            return
    except Exception as error:
        _ended(leased, to, on_end, _unsent(leased, error))
    else:
        on_end(leased, None)


def _message(leased: Leased, to: StreamTarget, streams: Streams) -> tuple[Destination, Message]:
    told = None if leased.span is None else leased.span.begin(is_message=True)
    return streaming.rendered(leased.claim, to, _context(leased, to), streams.policy, told)


def _send_message(
    leased: Leased, to: StreamTarget, streams: Streams, made: tuple[Destination, Message], on_end: OnEnd
) -> None:
    destination, message = made
    seconds = leased.claim.timeout_ms / 1000
    leased.sending = streams.send(destination, message, seconds=seconds, on_end=partial(_ended, leased, to, on_end))


async def _begin_in_turn(leased: Leased, to: HttpTarget, transport: HttpTransport, on_end: OnEnd) -> None:
    try:
        rendered = await asyncio.get_running_loop().run_in_executor(_RENDERER, _rendered_in_turn, leased, to, transport)
        if rendered is not None and not _is_over(leased, transport):
            _send(leased, to, transport, rendered, on_end)
            return
    except Exception as error:
        _ended(leased, to, on_end, _unsent(leased, error))
    else:
        on_end(leased, None)


def _send(leased: Leased, to: HttpTarget, transport: HttpTransport, rendered: _Rendered, on_end: OnEnd) -> None:
    claim = leased.claim
    envelope, body = rendered
    leased.sending = transport.send(
        envelope,
        execution_id=claim.execution_id,
        job_id=claim.job_id,
        attempt_number=claim.attempt_count,
        scheduled_at=claim.scheduled_at,
        body=body,
        seconds=claim.timeout_ms / 1000,
        expected=to.expected_status_codes,
        keys=() if leased.secrets is None else leased.secrets.signers,
        limits=to.limits,
        traceparent=None if leased.span is None else leased.span.begin(is_message=False),
        on_end=partial(_ended, leased, to, on_end),
    )


def _unsent(leased: Leased, error: Exception) -> Outcome:
    """Return the outcome if nothing could be sent. Every claim must end in a result, or its slot is lost."""
    match error:
        case TemplateError():
            return failed("template", f"{error.message} (at {error.pointer})" if error.pointer else error.message)
        case Refused():
            return failed(refusal_type(error), error.message)
        case ValueError() | RecursionError():
            return failed("template", "the execution's input cannot be read as JSON")
        case _:
            return _unforeseen(leased, error)


def _unforeseen(leased: Leased, error: Exception) -> Outcome:
    # The exception's text may contain a secret: log only its trace.
    trace = "".join(traceback.format_tb(error.__traceback__))
    _log.error(
        "delivery.unforeseen",
        "execution %s: the attempt failed with %s inside Kronos\n%s",
        leased.claim.execution_id,
        type(error).__name__,
        trace,
        execution_id=leased.claim.execution_id,
        job_id=leased.claim.job_id,
    )
    return failed("internal", "internal error in Kronos; see the worker's log for the trace")


def _ended(leased: Leased, to: Target, on_end: OnEnd, outcome: Outcome) -> None:
    try:
        if leased.secrets is not None:
            outcome = leased.secrets.mask.outcome(outcome)
        result = None if outcome.is_unsent else _result(leased, to, outcome)
    except Exception as error:
        result = _result(leased, to, replace(_unforeseen(leased, error), is_unknown=True))
    leased.sending = None  # break the reference cycle: collecting it would cost 2 us per delivery
    on_end(leased, result)


def _result(leased: Leased, to: Target, outcome: Outcome) -> Result:
    """Return the row that ends the claim. A retry's wait begins when PostgreSQL stores the row."""
    claim = leased.claim
    if outcome.status == "SUCCESS":  # positional, in field order: by name it takes twice as long
        milliseconds = outcome.duration // _MILLISECOND
        return Result(
            claim.execution_id,
            leased.token,
            "SUCCESS",
            False,
            0,
            milliseconds,
            outcome.request,
            outcome.response,
            None,
            False,
            0,
            False,
            None,
            claim.holds_slot,
            claim.place,
        )
    backoff, rules = (Backoff(), Rules()) if isinstance(to, Unusable) else (to.backoff, to.rules)
    is_retryable = rules.is_retryable(outcome)
    asked = outcome.retry_after if is_retryable else None
    wait = backoff.wait(claim.attempt_count, retry_after=asked, random=_RANDOM) if is_retryable else _NO_WAIT
    return Result(
        execution_id=claim.execution_id,
        claim_token=leased.token,
        status=outcome.status,
        is_retryable=is_retryable,
        retry_ms=-(-wait // _MILLISECOND),
        duration_ms=outcome.duration // _MILLISECOND,
        request=outcome.request,
        response=_response(outcome, asked, backoff),
        error=_json(outcome.error),
        is_cut_off=outcome.is_cut_off,
        slow_ms=-(-rules.slow_down(outcome, backoff) // _MILLISECOND),
        is_gone=rules.is_gone(outcome),
        max_age_ms=None if rules.longest_age is None else rules.longest_age // _MILLISECOND,
    )


def _response(outcome: Outcome, asked: timedelta | None, backoff: Backoff) -> str | None:
    """Return the stored response, with the granted part of its Retry-After."""
    granted = backoff.granted(asked)
    if asked is None or granted is None or outcome.response is None:
        return outcome.response
    seconds = timedelta(seconds=1)
    waits = {"asked_seconds": asked // seconds, "granted_seconds": granted // seconds}
    return _json({**json.loads(outcome.response), "retry_after": waits})


def _rendered(leased: Leased, to: HttpTarget, transport: HttpTransport) -> _Rendered:
    """Return the request to send. Raises Refused; ValueError or RecursionError if the input is not readable JSON."""
    context = _context(leased, to)
    if (envelope := to.envelope) is None or to.envelope_of is not leased.secrets:
        envelope = _envelope(to, context, transport)
        if to.is_fixed:
            to.envelope, to.envelope_of = envelope, leased.secrets
    body = None if to.body is None else to.body.fill(context)
    return envelope, render_body(to.body_template, context) if body is None else body


def _envelope(to: HttpTarget, context: Mapping[str, Json], transport: HttpTransport) -> Envelope | Undeliverable:
    """Return the envelope of one delivery. Raises Refused."""
    if to.head is None:
        try:
            to.head = transport.head(to.method, to.url, to.headers, to.config)
        except Refused as refused:  # each delivery reports its own fault
            to.head = refused
    if not isinstance(to.head, Refused) and (filled := to.head.fill(context)) is not None:
        return filled
    return transport.envelope(to.method, render_url(to.url, context), render_headers(to.headers, context))


def _context(leased: Leased, to: HttpTarget | StreamTarget) -> dict[str, Json]:
    """Return the values that the target's templates may name."""
    claim, facts, roots = leased.claim, leased.facts, to.roots
    context: dict[str, Json] = {"input": _read(claim.input)}
    if "config" in roots:
        context["config"] = to.config
    if "secret" in roots:
        context["secret"] = {} if leased.secrets is None else leased.secrets.values
    if "job" in roots:
        context["job"] = {"id": claim.job_id, "name": facts.job_name if facts else None}
    if "execution" in roots:
        context["execution"] = {
            "id": claim.execution_id,
            "attempt": claim.attempt_count,
            "cause": facts.cause if facts else None,
        }
    if "scheduled_at" in roots:
        at = context["scheduled_at"] = utc_text(claim.scheduled_at)
        context["scheduled_local"] = facts.scheduled_local if facts else at
    return context


def _rendered_in_turn(leased: Leased, to: HttpTarget, transport: HttpTransport) -> _Rendered | None:
    """Render in turn. None: the delivery must no longer be sent, and does not hold up those behind it."""
    return None if _is_over(leased, transport) else _rendered(leased, to, transport)


def _message_in_turn(leased: Leased, to: StreamTarget, streams: Streams) -> tuple[Destination, Message] | None:
    """Like _rendered_in_turn, for a message to a broker."""
    return None if _is_over(leased, streams) else _message(leased, to, streams)


def _is_over(leased: Leased, by: HttpTransport | Streams) -> bool:
    """Whether a delivery that waited to be rendered must no longer be sent.

    A hundred of the worst take 16 s, one after the other: longer than a lease lasts beyond its timeout."""
    return by.is_cut_off or leased.is_aborted or not leased.covers_delivery


def _read(text: str) -> Json:
    """Parse JSON written by PostgreSQL. Not for JSON from other sources."""
    if _LONG_MEMBER.search(text) or ("[" in text and _LONG_FIRST_ITEM.search(text)) or text[0] not in '{["':
        return json.loads(text)
    return orjson.loads(text)


def _json(value: Json) -> str | None:
    return None if value is None else json_bytes(value).decode()
