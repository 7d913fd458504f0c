"""OpenTelemetry's SDK as Kronos uses it: spans go into one queue, and a separate thread sends them to a collector.

Nothing waits for that thread. If it is too slow, or the collector does not accept its spans, they are dropped and
counted.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import Literal, Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.util.types import Attributes

from kronos.errors import KronosError
from kronos.lines import Log
from kronos.traces.bounded import BoundedSession
from kronos.traces.parent import Parent

_END_SECONDS = 3.0
# Its session comes from another package, which knows how to log in.
_OWN_SESSION = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
)
_MOST_WAITING = 2048  # OpenTelemetry's own default
_log = Log("kronos.traces")


class Pipeline:
    """Creates the spans of this process."""

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        self.counts = Counts()
        self._ids = _Ids()
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.sampler = _Spread(self._provider.sampler)  # the sampler of OTEL_TRACES_SAMPLER
        self._provider.add_span_processor(_Bounded(exporter, self.counts))
        self.tracer = self._provider.get_tracer("kronos", version("kronos"))

    @classmethod
    def begin(cls, role: Literal["api", "worker"]) -> Self:
        """Return a pipeline as configured by OTEL_* variables."""
        # It logs again and again that spans are not accepted, and their address. Kronos logs that once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"kronos-{role}"}
        own = {"service.version": version("kronos"), "kronos.role": role}
        session = None if any(os.environ.get(name) for name in _OWN_SESSION) else BoundedSession()
        return cls(OTLPSpanExporter(session=session), Resource.create(own).merge(Resource(named)))

    def end(self) -> None:
        """Send the remaining spans, and wait at most a few seconds for that."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_END_SECONDS)

    def current(self) -> Parent | None:
        """Return the current span."""
        return parent_of(trace.get_current_span())

    @contextmanager
    def running(
        self,
        name: str,
        attributes: Attributes = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        above: Context | None = None,
    ) -> Iterator[trace.Span]:
        """Yield a span of the work inside, below the current span, or in the context `above`. For an error it records
        only the type, because the message may quote users' text."""
        with self.tracer.start_as_current_span(
            name,
            above,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                if isinstance(error, KronosError) and error.status < 500:  # the caller's mistake, not a fault
                    span.set_attribute("error.type", error.code)
                else:
                    self.fail(span, type(error).__name__)
                raise

    @staticmethod
    def fail(span: trace.Span, kind: str) -> None:
        """Record that the work of `span` failed, with this error type."""
        if span.is_recording():
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", kind)

    @property
    def is_within(self) -> bool:
        """Whether there is a current span: a process's own periodic work is not traced."""
        return trace.get_current_span().get_span_context().is_valid

    def request(self, name: str, attributes: Attributes, parent: Parent | None) -> AbstractContextManager[trace.Span]:
        """Return the span of a request: below its caller's span, or a root, whatever this task did before."""
        above = Context() if parent is None else context_of(parent)
        return self.running(name, attributes, kind=SpanKind.SERVER, above=above)

    @contextmanager
    def statement(self) -> Iterator[list[str]]:
        """Yield the span of statements sent to PostgreSQL inside; their names are known at the end."""
        names: list[str] = []
        with self.running("statement", {"db.system.name": "postgresql"}, kind=SpanKind.CLIENT) as span:
            try:
                yield names
            finally:
                if names and span.is_recording():
                    span.update_name(names[0])
                    span.set_attribute("db.query.summary", ", ".join(names))

    def root(
        self,
        trace_id: int,
        span_id: int,
        name: str,
        began: int,
        link: Parent | None,
    ) -> trace.Span:
        """Return the first span of a trace, with these IDs. `link`: the span of another trace that caused it."""
        links = () if link is None else (Link(remote(link)),)
        self._ids.given.trace, self._ids.given.span = trace_id, span_id
        return self.tracer.start_span(name, Context(), links=links, start_time=began)

    def child(
        self,
        parent: trace.Span | Parent,
        name: str,
        began: int,
        attributes: Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        span_id: int = 0,
    ) -> trace.Span:
        """Return a span below `parent`, with this ID or, if it is 0, a new one."""
        self._ids.given.span = span_id
        above = context_of(parent) if isinstance(parent, Parent) else trace.set_span_in_context(parent, Context())
        return self.tracer.start_span(name, above, kind=kind, attributes=attributes, start_time=began)

    def sent(
        self, parent: trace.Span, name: str, began: int, attributes: Attributes, *, is_message: bool
    ) -> trace.Span:
        """Return the span of a delivery to a receiver, as a message to a broker or as a request."""
        kind = SpanKind.PRODUCER if is_message else SpanKind.CLIENT
        return self.child(parent, name, began, attributes, kind=kind)

    @staticmethod
    def spread(number: int) -> int:
        """Return another 128-bit number, always the same for the same input."""
        return int.from_bytes(hashlib.blake2b(number.to_bytes(16), digest_size=16).digest())


class Counts:
    """Counts of this process's spans: they only grow, and one thread writes each of them."""

    def __init__(self) -> None:
        self.ended = 0
        self.overflowed = 0
        """Dropped because the queue was full."""
        self.taken = 0
        """Taken from the queue by the thread that sends them."""
        self.sent = 0
        self.refused = 0
        """Dropped because no collector accepted them."""

    @property
    def waiting(self) -> int:
        """Spans in the queue, or being sent."""
        return self.ended - self.taken


class _Bounded(SpanProcessor):
    """Bounds OpenTelemetry's batches, which drop the oldest spans of a full queue and only log that. Here the newest
    spans are dropped before they get there, and counted."""

    def __init__(self, exporter: SpanExporter, counts: Counts) -> None:
        self._counts = counts
        self._most = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or _MOST_WAITING)
        self._batches = BatchSpanProcessor(_Counting(exporter, counts), max_queue_size=self._most)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: spans are sent when they end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Put it into the queue, if there is room."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._counts.waiting >= self._most:
            self._counts.overflowed += 1
            return
        self._counts.ended += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send the remaining spans."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send the remaining spans, and continue."""
        return self._batches.force_flush(timeout_millis)


class _Counting(SpanExporter):
    """Sends batches. Logs once that they are not accepted, and once that they are accepted again."""

    def __init__(self, exporter: SpanExporter, counts: Counts) -> None:
        self._exporter = exporter
        self._counts = counts
        self._is_refused = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them, in the thread that does nothing else."""
        self._counts.taken += len(spans)
        try:
            result = self._exporter.export(spans)
        except Exception:  # whatever it is, these spans are lost, and the next ones are tried
            result = SpanExportResult.FAILURE
        is_sent = result is SpanExportResult.SUCCESS
        if is_sent:
            self._counts.sent += len(spans)
        else:
            self._counts.refused += len(spans)
        if is_sent and self._is_refused:
            _log.info("traces.sent", "the collector accepts spans again; %d were dropped", self._counts.refused)
        elif not is_sent and not self._is_refused:
            _log.warning(
                "traces.dropped",
                "no collector at OTEL_EXPORTER_OTLP_ENDPOINT accepts the spans: they are dropped until one does, and "
                "counted in kronos_spans_dropped_total",
            )
        self._is_refused = not is_sent
        return result

    def shutdown(self) -> None:
        """Close its connections."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing of its own: no spans are kept here."""
        return self._exporter.force_flush(timeout_millis)


class _Ids(RandomIdGenerator):
    """Random IDs, except for given ones of the next span: all workers give a tick's span the same ID."""

    def __init__(self) -> None:
        self.given = threading.local()  # large deliveries are rendered in a separate thread, and start there

    def generate_trace_id(self) -> int:
        """Return an ID, never 0, which means none."""
        given, self.given.trace = getattr(self.given, "trace", 0), 0
        return given or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return an ID, never 0, which means none."""
        given, self.given.span = getattr(self.given, "span", 0), 0
        return given or super().generate_span_id()

    def is_trace_id_random(self) -> bool:
        """Return False: a tick's trace ID is its execution's ID."""
        return False


class _Spread(Sampler):
    """Lets a sampler see all IDs as if they were random. Execution IDs are UUIDs of version 7, whose lower half begins
    with the same two bits: a sampler of three in ten would take none of them, and one of eight in ten all."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return the sampler's decision."""
        if (trace_id >> 76) & 15 == 7 and (trace_id >> 62) & 3 == 2:
            trace_id = Pipeline.spread(trace_id)
        return self._sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Return the sampler's description."""
        return self._sampler.get_description()


def remote(parent: Parent) -> SpanContext:
    """Return a span of another process in OpenTelemetry's form."""
    flags = TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)


def context_of(parent: Parent) -> Context:
    """Return the context for spans below `parent`."""
    return trace.set_span_in_context(NonRecordingSpan(remote(parent)), Context())


def parent_of(span: trace.Span) -> Parent | None:
    """Return the reference to `span` for spans below it; None if it is not a valid span."""
    found = span.get_span_context()
    return Parent(found.trace_id, found.span_id, found.trace_flags.sampled) if found.is_valid else None
