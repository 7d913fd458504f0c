"""Spans of ticks, claims and deliveries, if tracing is enabled (docs/traces.md): `fire`, from a tick's nominal time to
its row; `claim`, from when it was due until a worker claimed it; `deliver`, one per attempt, announced to the receiver.

PostgreSQL fires, but creates no spans: they are created here from the times in the row. All workers derive the same ids
for a tick's trace and its first span, so that attempts of several workers form one trace.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Self
from uuid import UUID

import orjson
import psycopg

from kronos.lines import Log
from kronos.server_time import CLOCK
from kronos.traces.parent import Parent, read
from kronos.worker import claims
from kronos.worker.attempt import Leased
from kronos.worker.claims import Claim, TraceFacts
from kronos.worker.link import Link
from kronos.worker.results import Result, Verdict

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from kronos.traces.pipeline import Pipeline

_log = Log("kronos.worker")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND, _MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)
_OF_TICKS = frozenset({"SCHEDULE", "CATCH_UP"})
_SPANS = Random()  # noqa: S311 - names spans, no secret
_LONGEST = timedelta(days=7)
"""Maximum length of a missed tick's span. A longer delay is only recorded in its attributes."""
_FIRST, _LAST = _EPOCH + _LONGEST, datetime(2500, 1, 1, tzinfo=UTC)
"""The range of times that OTLP can express (64 bits of nanoseconds since 1970). A row written by SQL may have any time;
a single time out of range would lose a whole batch of spans."""


class DeliveryTraces:
    """The traces of a worker's deliveries."""

    def __init__(self, pipeline: "Pipeline", worker_id: str) -> None:
        self._pipeline = pipeline
        self._worker_id = worker_id

    @classmethod
    def of(cls, pipeline: "Pipeline | None", worker_id: str) -> Self | None:
        """Return None if tracing is disabled."""
        return None if pipeline is None else cls(pipeline, worker_id)

    async def begin(self, link: Link, held: Sequence[Leased]) -> None:
        """Create the spans of these claims up to their delivery.

        If PostgreSQL does not return the facts they need, these deliveries have no spans: they do not wait for them."""
        if not held:
            return
        try:
            found = {
                each.execution_id: each
                for each in await claims.trace_facts(link, [each.claim.execution_id for each in held])
            }
        except psycopg.Error as error:
            _log.debug("worker.read_failed", "reading facts for traces failed: %s", error)
            return
        for leased in held:
            if (facts := found.get(leased.claim.execution_id)) is not None:
                leased.span = self._span(leased, facts)

    def ended(self, ended: Sequence[tuple[Leased, Result | None, Verdict]]) -> None:
        """End the spans of these claims. A claim that was given back had no delivery, so its span is not exported."""
        for leased, result, verdict in ended:
            if result is not None and isinstance(leased.span, DeliveryUnderWay):
                leased.span.end(result, verdict)

    def _span(self, leased: Leased, facts: TraceFacts) -> "DeliveryUnderWay | Untold":
        fire = self._fired(leased.claim, facts)
        context = fire.get_span_context()
        if not context.trace_flags.sampled:  # child spans would not be sampled either
            return Untold(context.trace_id)
        return DeliveryUnderWay(self._pipeline, self._claimed(leased.claim, facts, fire), leased.claim)

    def _claimed(self, claim: Claim, facts: TraceFacts, fire: "Span") -> "Span":
        """Return the span of a claim, already ended."""
        claimed = _told(facts.claimed_at or CLOCK.now())
        due = max(min(claim.due_at, claimed), claimed - _LONGEST)
        known: dict[str, str | int] = {"kronos.attempt": claim.attempt_count, "kronos.worker_id": self._worker_id}
        span = self._pipeline.child(fire, "claim", _ns(due), known)
        span.end(_ns(claimed))
        return span

    def _fired(self, claim: Claim, facts: TraceFacts) -> "Span":
        """Return the `fire` span: the first of an execution's trace, exported with the first attempt.

        A one-shot's span is a child of the request that created it. A tick has its own trace, linked to its job's."""
        given = None if facts.traceparent is None else read(facts.traceparent)
        created = _told(facts.created_at or claim.due_at)
        is_tick = facts.cause in _OF_TICKS
        began = _ns(max(min(claim.scheduled_at, created), created - _LONGEST) if is_tick else created)
        trace_id = UUID(claim.execution_id).int
        span_id = self._pipeline.spread(trace_id) & (2**64 - 1) or 1
        if facts.is_part and given is not None:
            span = self._pipeline.child(given, "fire", began, None, span_id=span_id)
        else:
            span = self._pipeline.root(trace_id, span_id, "fire", began, given)
        if claim.attempt_count == 1 and span.is_recording():
            span.set_attributes(_known(claim, facts.cause))
            if is_tick:
                span.set_attribute("kronos.tick_lag_ms", (created - claim.scheduled_at) // _MILLISECOND)
            span.end(_ns(created))
        return span


def _known(claim: Claim, cause: str) -> dict[str, str]:
    return {
        "kronos.execution_id": claim.execution_id,
        "kronos.job_id": claim.job_id,
        "kronos.workspace_id": claim.workspace_id,
        "kronos.cause": cause,
        "kronos.scheduled_at": claim.scheduled_at.isoformat(),
    }


class Untold:
    """The span of an attempt that is not sampled; its receiver is told so."""

    __slots__ = ("trace_id",)

    def __init__(self, trace_id: int) -> None:
        self.trace_id = f"{trace_id:032x}"

    def begin(self, *, is_message: bool) -> str:
        """Return a W3C traceparent with a span that is not exported."""
        return f"00-{self.trace_id}-{_SPANS.getrandbits(64) or 1:016x}-00"


class DeliveryUnderWay:
    """The span of one attempt."""

    __slots__ = ("_above", "_began", "_claim", "_pipeline", "_span")

    def __init__(self, pipeline: "Pipeline", above: "Span", claim: Claim) -> None:
        self._pipeline = pipeline
        self._above = above
        self._claim = claim
        self._began = 0
        self._span: Span | None = None

    @property
    def trace_id(self) -> str:
        """The trace's id, in hexadecimal."""
        return f"{self._above.get_span_context().trace_id:032x}"

    def begin(self, *, is_message: bool) -> str:
        """Start the span just before sending, and return the W3C traceparent for the receiver."""
        span = self._made(int(CLOCK.seconds() * 1e9), is_message=is_message)
        context = span.get_span_context()
        return str(Parent(context.trace_id, context.span_id, context.trace_flags.sampled))

    def end(self, result: Result, verdict: Verdict) -> None:
        """End the span with the stored result."""
        span = self._span or self._made(int(CLOCK.seconds() * 1e9) - result.duration_ms * 1_000_000, is_message=False)
        if span.is_recording():
            span.set_attribute("kronos.outcome", result.status.lower())
            span.set_attribute("kronos.verdict", verdict.lower())
            if (code := _number(result.response, "status")) is not None:
                span.set_attribute("http.response.status_code", code)
            if result.status != "SUCCESS":
                self._pipeline.fail(span, _kind(result.error) or result.status.lower())
        span.end(self._began + result.duration_ms * 1_000_000)

    def _made(self, began: int, *, is_message: bool) -> "Span":
        self._began = began
        known: dict[str, str | int] = {
            "kronos.execution_id": self._claim.execution_id,
            "kronos.endpoint_id": self._claim.endpoint_id,
            "kronos.attempt": self._claim.attempt_count,
        }
        self._span = self._pipeline.sent(self._above, "deliver", began, known, is_message=is_message)
        return self._span


def _told(at: datetime) -> datetime:
    """Return a time limited to the range of OTLP."""
    return min(max(at, _FIRST), _LAST)


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1000


def _number(document: str | None, member: str) -> int | None:
    found = None if document is None else orjson.loads(document)
    value = found.get(member) if isinstance(found, dict) else None
    return value if isinstance(value, int) else None


def _kind(error: str | None) -> str | None:
    """Return an error's type, one of a few words of ours. Its message may quote the receiver."""
    found = None if error is None else orjson.loads(error)
    kind = found.get("type") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) else None
