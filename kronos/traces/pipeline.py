"""OpenTelemetry's SDK as Kronos uses it: spans go to one queue, and from there, in a thread of its own, to a collector.

Nothing waits for that thread. Where it does not keep up, or nobody takes what it sends, spans are dropped and counted.
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
from kronos.traces.parent import Parent

_END_SECONDS = 3.0
_MOST_WAITING = 2048  # OpenTelemetry's own default
_log = Log("kronos.traces")


class Pipeline:
    """What makes spans in this process."""

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        self.counts = Counts()
        self._ids = _Ids()
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.sampler = _Spread(self._provider.sampler)  # as OTEL_TRACES_SAMPLER says
        self._provider.add_span_processor(_Bounded(exporter, self.counts))
        self.tracer = self._provider.get_tracer("kronos", version("kronos"))

    @classmethod
    def begin(cls, role: Literal["api", "worker"]) -> Self:
        """As OTEL_* variables say."""
        # It says by itself, again and again, that nobody takes what it sends, and where to: we say it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"kronos-{role}"}
        own = {"service.version": version("kronos"), "kronos.role": role}
        return cls(OTLPSpanExporter(), Resource.create(own).merge(Resource(named)))

    def end(self) -> None:
        """Send what is left, and wait no longer than some seconds for that."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_END_SECONDS)

    def current(self) -> Parent | None:
        """The span that runs now."""
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
        """A span of what is done meanwhile, below the one that runs, or in the context `above`. Of an error it has the
        type alone: its words may quote what users wrote."""
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
                if isinstance(error, KronosError) and error.status < 500:  # its caller's mistake, and no fault
                    span.set_attribute("error.type", error.code)
                else:
                    self.fail(span, type(error).__name__)
                raise

    @staticmethod
    def fail(span: trace.Span, kind: str) -> None:
        """What `span` is of went wrong, and how this is called."""
        if span.is_recording():
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", kind)

    @property
    def is_within(self) -> bool:
        """Whether a span runs: what a process does for itself, every few seconds, is no trace of its own."""
        return trace.get_current_span().get_span_context().is_valid

    def request(self, name: str, attributes: Attributes, parent: Parent | None) -> AbstractContextManager[trace.Span]:
        """The span of a request: below its caller's, or of none, whatever this task has done before."""
        above = Context() if parent is None else context_of(parent)
        return self.running(name, attributes, kind=SpanKind.SERVER, above=above)

    @contextmanager
    def statement(self) -> Iterator[list[str]]:
        """The span of what is sent to PostgreSQL meanwhile; its names are known at the end."""
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
        """A span that begins a trace, under these ids; `link`: of another trace that it is there because of."""
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
        """A span below `parent`, under this id or, where that is 0, one of its own."""
        self._ids.given.span = span_id
        above = context_of(parent) if isinstance(parent, Parent) else trace.set_span_in_context(parent, Context())
        return self.tracer.start_span(name, above, kind=kind, attributes=attributes, start_time=began)

    def sent(
        self, parent: trace.Span, name: str, began: int, attributes: Attributes, *, is_message: bool
    ) -> trace.Span:
        """The span of what is sent to somebody else, as a message to a broker or as a request."""
        kind = SpanKind.PRODUCER if is_message else SpanKind.CLIENT
        return self.child(parent, name, began, attributes, kind=kind)

    @staticmethod
    def spread(number: int) -> int:
        """Another number of 128 bits, the same for the same."""
        return int.from_bytes(hashlib.blake2b(number.to_bytes(16), digest_size=16).digest())


class Counts:
    """Spans of this process: numbers that only grow, each written by one thread."""

    def __init__(self) -> None:
        self.ended = 0
        self.overflowed = 0
        """Dropped because the queue was full."""
        self.taken = 0
        """By the thread that sends them."""
        self.sent = 0
        self.refused = 0
        """Dropped because nobody took them."""

    @property
    def waiting(self) -> int:
        """In the queue, or on their way."""
        return self.ended - self.taken


class _Bounded(SpanProcessor):
    """OpenTelemetry's batches, which lose the oldest of a full queue and say so to their log alone. Here the newest is
    dropped before it gets there, and counted."""

    def __init__(self, exporter: SpanExporter, counts: Counts) -> None:
        self._counts = counts
        self._most = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or _MOST_WAITING)
        self._batches = BatchSpanProcessor(_Counting(exporter, counts), max_queue_size=self._most)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: what is sent is sent when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Into the queue, where there is room."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._counts.waiting >= self._most:
            self._counts.overflowed += 1
            return
        self._counts.ended += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what is left."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """The same, and go on."""
        return self._batches.force_flush(timeout_millis)


class _Counting(SpanExporter):
    """Sends batches, and says once that nobody takes them, and once that somebody does again."""

    def __init__(self, exporter: SpanExporter, counts: Counts) -> None:
        self._exporter = exporter
        self._counts = counts
        self._is_refused = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them, in the thread that has nothing else to do."""
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
            _log.info("traces.sent", "spans are taken again; %d were dropped", self._counts.refused)
        elif not is_sent and not self._is_refused:
            _log.warning(
                "traces.dropped",
                "nobody takes the spans that are sent to OTEL_EXPORTER_OTLP_ENDPOINT: they are dropped until "
                "somebody does, and counted in kronos_spans_dropped_total",
            )
        self._is_refused = not is_sent
        return result

    def shutdown(self) -> None:
        """Close its connections."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


class _Ids(RandomIdGenerator):
    """Random ids, but for the next span's, where it is given: all workers give a tick's the same."""

    def __init__(self) -> None:
        self.given = threading.local()  # large deliveries are rendered in a thread of their own, and begin there

    def generate_trace_id(self) -> int:
        """Never 0, which is none."""
        given, self.given.trace = getattr(self.given, "trace", 0), 0
        return given or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Never 0, which is none."""
        given, self.given.span = getattr(self.given, "span", 0), 0
        return given or super().generate_span_id()

    def is_trace_id_random(self) -> bool:
        """Not those of ticks, which are their executions' ids."""
        return False


class _Spread(Sampler):
    """A sampler that goes by ids as if all were random. Those of executions are UUIDs of version 7, whose lower half
    begins with the same two bits: a sampler of three in ten would take none of them, and one of eight in ten all."""

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
        """As the sampler has it."""
        if (trace_id >> 76) & 15 == 7 and (trace_id >> 62) & 3 == 2:
            trace_id = Pipeline.spread(trace_id)
        return self._sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """As the sampler has it."""
        return self._sampler.get_description()


def remote(parent: Parent) -> SpanContext:
    """A span of another process, as OpenTelemetry has it."""
    flags = TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)


def context_of(parent: Parent) -> Context:
    """What spans begin in that are below `parent`."""
    return trace.set_span_in_context(NonRecordingSpan(remote(parent)), Context())


def parent_of(span: trace.Span) -> Parent | None:
    """What stands below `span` names it by; None: it is none."""
    found = span.get_span_context()
    return Parent(found.trace_id, found.span_id, found.trace_flags.sampled) if found.is_valid else None
